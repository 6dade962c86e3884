from __future__ import annotations

from datetime import timedelta

import pytest
from django.http import Http404
from django.utils import timezone

from tests.factories import make_answer, make_chat, make_message
from webui.accounts.models import User
from webui.chats.conf import UNDO_WINDOW
from webui.chats.errors import AnswerRunning, MessageAboveDeleted
from webui.chats.models import Chat, Message, MessageRemoval, Rating
from webui.chats.queries import ratings_of
from webui.chats.services.removals import delete_message, purge_removed, undo_delete_message
from webui.chats.shown_branch import branch_messages


def shown(chat: Chat) -> list[str]:
    chat.refresh_from_db()
    return [message.content for message in branch_messages(chat).messages]


def the(chat: Chat, content: str) -> Message:
    return chat.messages.get(content=content)


def test_with_its_branch_everything_below_goes(alice: User) -> None:
    chat = make_chat(owner=alice, messages=6)

    delete_message(alice, chat.uuid, the(chat, "question 2").uuid, with_branch=True)

    assert shown(chat) == ["question 1", "answer 1"]
    assert chat.messages.count() == 2


def test_another_branch_is_shown_where_there_is_one(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    first = the(chat, "answer 1")
    make_answer(chat, content="answer 1b", parent=first.parent)

    delete_message(alice, chat.uuid, the(chat, "answer 1b").uuid, with_branch=True)

    assert shown(chat) == ["question 1", "answer 1"]


def test_alone_what_stood_below_moves_up(alice: User) -> None:
    chat = make_chat(owner=alice, messages=4)

    delete_message(alice, chat.uuid, the(chat, "answer 1").uuid, with_branch=False)

    assert shown(chat) == ["question 1", "question 2", "answer 2"]


def test_the_first_message_leaves_roots_behind(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)

    delete_message(alice, chat.uuid, the(chat, "question 1").uuid, with_branch=False)

    assert shown(chat) == ["answer 1"]
    assert the(chat, "answer 1").parent is None


def test_all_of_a_chat_can_go(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)

    delete_message(alice, chat.uuid, the(chat, "question 1").uuid, with_branch=True)

    assert shown(chat) == []


@pytest.mark.parametrize("with_branch", [True, False])
@pytest.mark.parametrize("content", ["question 1", "answer 1", "question 2", "answer 2"])
def test_undo_brings_everything_back_where_it_was(alice: User, content: str, with_branch: bool) -> None:
    chat = make_chat(owner=alice, messages=4)
    make_answer(chat, content="answer 1b", parent=the(chat, "question 1"))
    chat.current_message = the(chat, "answer 2")
    chat.save()
    before = list(chat.messages.values_list("id", "parent_id"))

    removal = delete_message(alice, chat.uuid, the(chat, content).uuid, with_branch=with_branch)
    undo_delete_message(alice, chat.uuid, removal.uuid)

    assert list(chat.messages.values_list("id", "parent_id")) == before
    assert shown(chat) == ["question 1", "answer 1", "question 2", "answer 2"]
    assert not MessageRemoval.objects.exists()


def test_two_in_a_row_come_back_in_reverse(alice: User) -> None:
    chat = make_chat(owner=alice, messages=4)
    first = delete_message(alice, chat.uuid, the(chat, "question 2").uuid, with_branch=False)
    second = delete_message(alice, chat.uuid, the(chat, "answer 1").uuid, with_branch=False)

    with pytest.raises(MessageAboveDeleted):
        undo_delete_message(alice, chat.uuid, first.uuid)
    undo_delete_message(alice, chat.uuid, second.uuid)
    undo_delete_message(alice, chat.uuid, first.uuid)

    assert shown(chat) == ["question 1", "answer 1", "question 2", "answer 2"]


def test_nothing_is_deleted_while_an_answer_is_written(alice: User) -> None:
    chat = make_chat(owner=alice, messages=3)
    make_answer(chat, state="running", content="")

    with pytest.raises(AnswerRunning):
        delete_message(alice, chat.uuid, the(chat, "question 1").uuid, with_branch=True)


def test_after_the_undo_window_the_rows_are_gone(alice: User) -> None:
    chat = make_chat(owner=alice, messages=4)
    removal = delete_message(alice, chat.uuid, the(chat, "question 2").uuid, with_branch=True)
    MessageRemoval.objects.update(removed_at=timezone.now() - UNDO_WINDOW - timedelta(seconds=1))

    assert purge_removed(timezone.now()) == 1

    assert Message.with_removed.count() == 2
    with pytest.raises(Http404):
        undo_delete_message(alice, chat.uuid, removal.uuid)


def test_a_chat_that_goes_takes_its_deleted_messages_along(alice: User) -> None:
    chat = make_chat(owner=alice, messages=4)
    delete_message(alice, chat.uuid, the(chat, "question 2").uuid, with_branch=True)

    chat.delete()

    assert not Message.with_removed.exists()


def test_a_deleted_answer_is_rated_by_nobody(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    answer = the(chat, "answer 1")
    Rating.objects.create(message=answer, rated_by=alice, is_good=True)

    delete_message(alice, chat.uuid, answer.uuid, with_branch=True)

    assert not ratings_of(alice).exists()


def test_charlie_deletes_nothing_and_brings_nothing_back(alice: User, charlie: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    own = make_chat(owner=charlie, messages=1)
    message = the(chat, "answer 1")

    for chat_uuid in (chat.uuid, own.uuid):
        with pytest.raises(Http404):
            delete_message(charlie, chat_uuid, message.uuid, with_branch=True)
    removal = delete_message(alice, chat.uuid, message.uuid, with_branch=True)
    for chat_uuid in (chat.uuid, own.uuid):
        with pytest.raises(Http404):
            undo_delete_message(charlie, chat_uuid, removal.uuid)

    assert shown(chat) == ["question 1"]


def test_below_a_deleted_message_nothing_can_be_asked(alice: User) -> None:
    chat = make_chat(owner=alice, messages=1)
    gone = make_message(chat, content="gone")
    delete_message(alice, chat.uuid, gone.uuid, with_branch=True)

    with pytest.raises(Http404):
        delete_message(alice, chat.uuid, gone.uuid, with_branch=False)
