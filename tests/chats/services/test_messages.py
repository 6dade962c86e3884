from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.http import Http404
from django.utils import timezone
from pytest_django import Settings

from tests.factories import make_answer, make_chat, make_document, make_message
from webui.accounts.models import Role, User
from webui.chats.errors import AnswerRunning, MessageEmpty, MessageTooLong, WrongRole
from webui.chats.models import Chat, Generation, Message
from webui.chats.services.asking import Asked
from webui.chats.services.chats import delete_chat
from webui.chats.services.messages import edit_message, regenerate_answer, send_message
from webui.chats.shown_branch import branch_messages


def assert_branch(chat: Chat, contents: list[str]) -> None:
    chat.refresh_from_db()
    assert [message.content for message in branch_messages(chat).messages] == contents


def test_a_question_without_a_chat_makes_one(alice: User) -> None:
    asked = send_message(alice, content="How warm is it?", model="tiny:latest")

    assert asked.after is None
    assert asked.chat.owner == alice
    assert asked.chat.title == "How warm is it?"
    assert asked.chat.model == "tiny:latest"
    assert asked.generation.state == Generation.State.QUEUED
    assert_branch(asked.chat, ["How warm is it?", ""])


def test_a_question_goes_below_the_shown_branch(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)

    asked = send_message(alice, chat_uuid=chat.uuid, content="And now?", model="large:latest")

    assert asked.after == chat.current_message
    assert_branch(chat, ["question 1", "answer 1", "And now?", ""])
    assert asked.answer.model == "large:latest"


def test_a_question_moves_its_chat_to_the_top(alice: User) -> None:
    old = timezone.now() - timedelta(days=3)
    chat = make_chat(owner=alice, messages=2, updated_at=old)

    send_message(alice, chat_uuid=chat.uuid, content="And now?", model="tiny:latest")

    chat.refresh_from_db()
    assert chat.updated_at > old + timedelta(days=2)


@pytest.mark.parametrize("content", ["", "   ", "\n\t "])
def test_an_empty_message_is_refused_and_leaves_nothing(alice: User, content: str) -> None:
    with pytest.raises(MessageEmpty):
        send_message(alice, content=content, model="tiny:latest")

    assert not Chat.objects.exists()


def test_an_oversized_message_is_refused_with_its_size(alice: User, settings: Settings) -> None:
    settings.HEARTH_MESSAGE_MAX_CHARS = 10

    with pytest.raises(MessageTooLong) as refused:
        send_message(alice, content="x" * 11, model="tiny:latest")

    assert refused.value.facts == {"n_chars": 11, "limit": 10}
    assert not Chat.objects.exists()


def test_documents_come_with_the_question(alice: User) -> None:
    document = make_document(owner=alice)

    asked = send_message(alice, content="When?", model="tiny:latest", documents=[document.uuid])

    assert list(asked.answer.parent.documents.all()) == [document]  # type: ignore[union-attr]


def test_a_foreign_document_does_not_exist(alice: User, charlie: User) -> None:
    mine, foreign = make_document(owner=charlie), make_document(owner=alice)

    with pytest.raises(Http404):
        send_message(charlie, content="When?", model="tiny:latest", documents=[mine.uuid, foreign.uuid])

    assert not Message.objects.exists()


def test_a_second_question_waits_for_the_answer(alice: User) -> None:
    asked = send_message(alice, content="One", model="tiny:latest")

    with pytest.raises(AnswerRunning):
        send_message(alice, chat_uuid=asked.chat.uuid, content="Two", model="tiny:latest")

    assert Message.objects.count() == 2


def test_an_answer_of_a_dead_process_blocks_nothing(alice: User) -> None:
    chat = make_chat(owner=alice, messages=1)
    lost = make_answer(chat, state="running", content="half", heartbeat_at=timezone.now() - timedelta(minutes=5))

    send_message(alice, chat_uuid=chat.uuid, content="And now?", model="tiny:latest")

    lost.generation.refresh_from_db()
    assert lost.generation.state == Generation.State.INTERRUPTED
    assert_branch(chat, ["question 1", "half", "And now?", ""])


def test_editing_adds_a_sibling_and_keeps_the_old_branch(alice: User) -> None:
    chat = make_chat(owner=alice, messages=4)
    second = chat.messages.get(content="question 2")

    asked = edit_message(
        alice, chat_uuid=chat.uuid, message_uuid=second.uuid, content="question 2b", model="tiny:latest"
    )

    assert asked.after == chat.messages.get(content="answer 1")
    assert_branch(chat, ["question 1", "answer 1", "question 2b", ""])
    assert chat.messages.filter(content="answer 2").exists()


def test_editing_the_first_question_begins_a_second_root(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    first = chat.messages.get(content="question 1")

    asked = edit_message(alice, chat_uuid=chat.uuid, message_uuid=first.uuid, content="better", model="tiny:latest")

    assert asked.after is None
    assert_branch(chat, ["better", ""])


def test_an_edited_question_keeps_its_documents(alice: User) -> None:
    chat = make_chat(owner=alice)
    question = make_message(chat, content="When?")
    document = make_document(owner=alice)
    question.documents.add(document)

    asked = edit_message(alice, chat_uuid=chat.uuid, message_uuid=question.uuid, content="Where?", model="tiny:latest")

    assert list(asked.answer.parent.documents.all()) == [document]  # type: ignore[union-attr]


def test_regenerating_adds_a_sibling(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    old = chat.messages.get(content="answer 1")

    asked = regenerate_answer(alice, chat_uuid=chat.uuid, message_uuid=old.uuid, model="large:latest")

    assert asked.answer.parent == old.parent
    chat.refresh_from_db()
    position = branch_messages(chat).positions[asked.answer.pk]
    assert (position.number, position.count, position.previous) == (2, 2, old.pk)


def test_only_questions_are_edited_and_only_answers_regenerated(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    question, answer = chat.messages.order_by("id")

    with pytest.raises(WrongRole):
        edit_message(alice, chat_uuid=chat.uuid, message_uuid=answer.uuid, content="x", model="tiny:latest")
    with pytest.raises(WrongRole):
        regenerate_answer(alice, chat_uuid=chat.uuid, message_uuid=question.uuid, model="tiny:latest")


def test_charlie_can_do_nothing_in_alices_chat(alice: User, charlie: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    question, answer = chat.messages.order_by("id")

    with pytest.raises(Http404):
        send_message(charlie, chat_uuid=chat.uuid, content="hi", model="tiny:latest")
    with pytest.raises(Http404):
        edit_message(charlie, chat_uuid=chat.uuid, message_uuid=question.uuid, content="x", model="tiny:latest")
    with pytest.raises(Http404):
        regenerate_answer(charlie, chat_uuid=chat.uuid, message_uuid=answer.uuid, model="tiny:latest")


def test_a_message_of_another_chat_does_not_exist(alice: User, charlie: User) -> None:
    """A foreign message id inside one's own chat: checking the chat alone would let it through."""
    own, foreign = make_chat(owner=charlie, messages=2), make_chat(owner=alice, messages=2)
    question, answer = foreign.messages.order_by("id")

    with pytest.raises(Http404):
        edit_message(charlie, chat_uuid=own.uuid, message_uuid=question.uuid, content="x", model="tiny:latest")
    with pytest.raises(Http404):
        regenerate_answer(charlie, chat_uuid=own.uuid, message_uuid=answer.uuid, model="tiny:latest")


def test_a_deleted_chat_takes_no_messages(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2, deleted_at=timezone.now())

    with pytest.raises(Http404):
        send_message(alice, chat_uuid=chat.uuid, content="hi", model="tiny:latest")


@pytest.mark.parametrize("change", [{"role": Role.PENDING}, {"is_active": False}])
def test_who_is_no_member_can_send_nothing(alice: User, change: dict[str, object]) -> None:
    chat = make_chat(owner=alice, messages=2)
    for field, value in change.items():
        setattr(alice, field, value)

    with pytest.raises(Http404):
        send_message(alice, chat_uuid=chat.uuid, content="hi", model="tiny:latest")


def test_an_unknown_chat_does_not_exist(alice: User) -> None:
    with pytest.raises(Http404):
        send_message(alice, chat_uuid=uuid4(), content="hi", model="tiny:latest")


# ---- the same request again ------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_message_sent_twice_under_one_ref_is_stored_once(alice: User) -> None:
    first = send_message(alice, content="How?", model="tiny:latest", ref="r1")

    again = send_message(alice, content="How?", model="tiny:latest", ref="r1")

    assert again.is_repeat
    assert not first.is_repeat
    assert (again.chat, again.answer, again.generation) == (first.chat, first.answer, first.generation)
    assert Chat.objects.count() == 1
    assert Message.objects.count() == 2


@pytest.mark.django_db
def test_an_edit_and_a_regeneration_asked_for_twice_are_done_once(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    question, answer = chat.messages.all()

    for _ in range(2):
        edit_message(
            alice, chat_uuid=chat.uuid, message_uuid=question.uuid, content="Where?", model="tiny:latest", ref="r1"
        )
    Generation.objects.update(state=Generation.State.FINISHED)
    for _ in range(2):
        regenerate_answer(alice, chat_uuid=chat.uuid, message_uuid=answer.uuid, model="tiny:latest", ref="r2")

    assert chat.messages.count() == 5


@pytest.mark.django_db
def test_two_people_may_use_the_same_ref(alice: User, bob: User) -> None:
    send_message(alice, content="How?", model="tiny:latest", ref="r1")

    theirs = send_message(bob, content="Why?", model="tiny:latest", ref="r1")

    assert theirs.chat.owner == bob
    assert not theirs.is_repeat


@pytest.mark.django_db
def test_requests_without_a_ref_are_all_carried_out(alice: User) -> None:
    for _ in range(2):
        send_message(alice, content="How?", model="tiny:latest")

    assert Chat.objects.count() == 2


@pytest.mark.django_db
def test_a_request_is_not_repeated_into_a_deleted_chat(alice: User) -> None:
    asked = send_message(alice, content="How?", model="tiny:latest", ref="r1")
    delete_chat(alice, asked.chat.uuid)

    with pytest.raises(Http404):
        send_message(alice, content="How?", model="tiny:latest", ref="r1")


@pytest.mark.django_db(transaction=True)
def test_the_same_message_from_two_connections_at_once_is_stored_once(alice: User) -> None:
    # Threads with connections of their own: their transactions have to be real.
    def send(_: int) -> Asked:
        try:
            return send_message(alice, content="How?", model="tiny:latest", ref="r1")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        asked = list(threads.map(send, range(8)))

    assert sum(not one.is_repeat for one in asked) == 1
    assert Message.objects.count() == 2
