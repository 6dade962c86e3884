from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.http import Http404

from tests.factories import (
    make_answer,
    make_chat,
    make_document,
    make_folder,
    make_image,
    make_knowledge,
    make_message,
)
from webui.accounts.models import User
from webui.chats.errors import AnswerRunning
from webui.chats.models import Chat, Citation, Image, Message, Rating
from webui.chats.search.finding import find_chats, find_messages
from webui.chats.search.typed import read_query
from webui.chats.services.forks import fork_chat
from webui.chats.shown_branch import branch_messages

CountQueries = Callable[[int], AbstractContextManager[object]]


def contents(chat: Chat) -> list[str]:
    return [message.content for message in branch_messages(chat).messages]


def test_the_branch_is_copied_down_to_the_message(alice: User) -> None:
    chat = make_chat(owner=alice, messages=4, title="Fire", model="tiny:latest", options={"temperature": 0.1})
    answer = chat.messages.get(content="answer 1")
    make_answer(chat, content="another", parent=answer.parent)

    fork = fork_chat(alice, chat.uuid, answer.uuid)

    assert contents(fork) == ["question 1", "answer 1"]
    assert (fork.title, fork.model, fork.options) == ("Fire", "tiny:latest", {"temperature": 0.1})
    assert fork.current_message is not None
    assert fork.current_message.uuid != answer.uuid
    assert chat.messages.count() == 5


def test_pictures_are_copied_and_the_fork_is_found(alice: User) -> None:
    chat = make_chat(owner=alice, title="Signals")
    question = make_message(chat, content="What flag is this?")
    image = make_image(owner=alice, message=question)

    fork = fork_chat(alice, chat.uuid, question.uuid)

    (copied,) = Image.objects.filter(message__chat=fork)
    assert copied.uuid != image.uuid
    assert copied.preview == Image.objects.get(pk=image.pk).preview
    assert [found.chat for found in find_messages(alice, read_query("flag")).rows] == [fork]
    assert [found.uuid for found in find_chats(alice, read_query("signals")).rows] == [fork.uuid]


def test_what_hangs_on_the_messages_is_copied(alice: User) -> None:
    document, knowledge = make_document(owner=alice), make_knowledge(owner=alice)
    chat = make_chat(owner=alice, folder=make_folder(owner=alice))
    question = make_message(chat, content="When?")
    question.documents.add(document)
    question.knowledge.add(knowledge)
    answer = make_answer(
        chat, content="In 1902 [1].", answer_tokens=7, ref="once", ledger={"sent": [{"message": str(question.uuid)}]}
    )
    Citation.objects.create(message=answer, number=1, document=document, document_name="a", start=0, end=3, text="in")
    Rating.objects.create(message=answer, rated_by=alice, is_good=True, comment="good")

    fork = fork_chat(alice, chat.uuid, answer.uuid)

    copied_question, copied = fork.messages.order_by("id")
    assert list(copied_question.documents.all()) == [document]
    assert list(copied_question.knowledge.all()) == [knowledge]
    assert copied.parent == copied_question
    assert (copied.model, copied.created_at) == (answer.model, answer.created_at)
    assert copied.generation.answer_tokens == 7
    assert copied.generation.ref == ""
    assert copied.generation.ledger == {"sent": [{"message": str(copied_question.uuid)}]}
    assert [citation.text for citation in copied.citations.all()] == ["in"]
    assert [rating.comment for rating in copied.ratings.all()] == ["good"]
    assert fork.folder == chat.folder


def test_images_are_copied_with_their_pixels(alice: User) -> None:
    chat = make_chat(owner=alice, messages=1)
    question = chat.messages.get()
    sides = {"width": 1, "height": 1, "media_type": "image/png", "digest": "d"}
    Image.objects.create(owner=alice, message=question, name="a.png", content=b"pixels", preview=b"few", **sides)

    fork = fork_chat(alice, chat.uuid, question.uuid)

    copied = Image.objects.get(message__chat=fork)
    assert (bytes(copied.content), bytes(copied.preview)) == (b"pixels", b"few")


def test_a_fork_can_end_in_a_question(alice: User) -> None:
    chat = make_chat(owner=alice, messages=3)

    fork = fork_chat(alice, chat.uuid, chat.messages.get(content="question 2").uuid)

    assert contents(fork) == ["question 1", "answer 1", "question 2"]


def test_an_answer_that_is_being_written_is_not_copied(alice: User) -> None:
    chat = make_chat(owner=alice, messages=1)
    answer = make_answer(chat, state="running", content="")

    with pytest.raises(AnswerRunning):
        fork_chat(alice, chat.uuid, answer.uuid)

    assert Chat.objects.count() == 1


def test_a_long_branch_takes_no_more_queries(alice: User, django_assert_max_num_queries: CountQueries) -> None:
    chat = make_chat(owner=alice, messages=40)
    last = chat.messages.get(content="answer 20")

    with django_assert_max_num_queries(24):
        fork_chat(alice, chat.uuid, last.uuid)


def test_charlie_forks_nothing(alice: User, charlie: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    own = make_chat(owner=charlie, messages=1)
    message = chat.messages.get(content="answer 1")

    for chat_uuid in (chat.uuid, own.uuid):
        with pytest.raises(Http404):
            fork_chat(charlie, chat_uuid, message.uuid)

    assert Message.objects.filter(chat__owner=charlie).count() == 1
