"""What one question costs the database: 200 people who ask at once wait for each other by these numbers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from uuid import uuid4

import pytest

from tests.factories import make_chat
from webui.accounts.models import User
from webui.chats import intake
from webui.chats.intake import Question
from webui.chats.relay.protocol import MessageSent
from webui.chats.services.generations import Ending, end_generation
from webui.chats.views.fragments import render_answer
from webui.presets.levels import model_level

CountQueries = Callable[[int], AbstractContextManager[object]]
TRANSACTION = 2
"""Its beginning and its end."""


@pytest.fixture(autouse=True)
def _defaults_are_known(db: None) -> None:
    """What administrators say for models is read once in some seconds, for all questions."""
    model_level("tiny:latest")


def ask(user: User, **fields: str) -> Question:
    sent = MessageSent(type="message.sent", ref=uuid4().hex, content="How?", model="tiny:latest", **fields)  # type: ignore[typeddict-item]
    return intake.send(user, sent)


def test_the_first_question_of_a_chat_reads_nothing(alice: User, django_assert_num_queries: CountQueries) -> None:
    # Chat, question, answer, generation, the chat's new leaf, and what the search needs.
    with django_assert_num_queries(TRANSACTION + 6):
        ask(alice)


def test_a_later_question_reads_its_chat_and_its_branch(alice: User, django_assert_num_queries: CountQueries) -> None:
    chat = make_chat(owner=alice, messages=30)

    # Read: chat with its leaf, what runs in it, the branch, its documents. Written: as above, but no chat.
    with django_assert_num_queries(TRANSACTION + 4 + 5):
        question = ask(alice, chat=str(chat.uuid))

    assert question.task is not None
    assert len(question.task.turns) == 31


def test_the_end_of_an_answer_is_stored_and_shown_without_reading_rows(
    alice: User, django_assert_num_queries: CountQueries
) -> None:
    task = ask(alice).task
    assert task is not None

    # Generation, message, what the search needs, and the setting that says whether people rate.
    with django_assert_num_queries(TRANSACTION + 4):
        ended = end_generation(task, Ending(state="finished", content="It burns **warm**."))
        assert ended is not None
        html = render_answer(ended, None)

    assert "<strong>warm</strong>" in html
    assert html == intake.render_message(ended.messages[0])
