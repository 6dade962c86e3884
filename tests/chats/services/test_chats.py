from __future__ import annotations

from datetime import timedelta

import pytest
from django.http import Http404
from django.utils import timezone

from tests.factories import make_answer, make_chat
from webui.accounts.models import User
from webui.chats.conf import UNDO_WINDOW
from webui.chats.errors import TitleEmpty
from webui.chats.models import Chat, Message
from webui.chats.queries import visible_chats
from webui.chats.services.chats import delete_chat, rename_chat, show_sibling, undo_delete_chat
from webui.chats.services.messages import send_message
from webui.chats.services.purging import purge_deleted


def test_renaming_ends_automatic_titles(alice: User) -> None:
    chat = make_chat(owner=alice, title="")

    rename_chat(alice, chat.uuid, "  My   fire ")
    send_message(alice, chat_uuid=chat.uuid, content="Something else", model="tiny:latest")

    chat.refresh_from_db()
    assert (chat.title, chat.has_automatic_title) == ("My fire", False)


def test_a_title_cannot_be_blank(alice: User) -> None:
    chat = make_chat(owner=alice)

    with pytest.raises(TitleEmpty):
        rename_chat(alice, chat.uuid, "   ")


def test_a_deleted_chat_is_gone_and_comes_back(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)

    delete_chat(alice, chat.uuid)
    assert not visible_chats(alice).exists()

    undo_delete_chat(alice, chat.uuid)
    assert visible_chats(alice).get() == chat


def test_deleting_names_the_answers_to_stop(alice: User) -> None:
    chat = make_chat(owner=alice, messages=1)
    answer = make_answer(chat, state="running")

    _, running = delete_chat(alice, chat.uuid)

    assert running == [str(answer.generation.uuid)]


def test_after_the_undo_window_the_rows_are_gone(alice: User) -> None:
    now = timezone.now()
    kept = make_chat(owner=alice, messages=2, deleted_at=now - UNDO_WINDOW + timedelta(seconds=5))
    make_chat(owner=alice, messages=2, deleted_at=now - UNDO_WINDOW - timedelta(seconds=5))

    assert purge_deleted(now) == 1

    assert list(Chat.objects.all()) == [kept]
    assert Message.objects.exclude(chat=kept).count() == 0


def test_charlie_can_do_nothing_with_alices_chat(alice: User, charlie: User) -> None:
    chat, deleted = make_chat(owner=alice, messages=2), make_chat(owner=alice, deleted_at=timezone.now())
    question = chat.messages.earliest("id")

    with pytest.raises(Http404):
        rename_chat(charlie, chat.uuid, "mine")
    with pytest.raises(Http404):
        delete_chat(charlie, chat.uuid)
    with pytest.raises(Http404):
        undo_delete_chat(charlie, deleted.uuid)
    with pytest.raises(Http404):
        show_sibling(charlie, chat.uuid, question.uuid)


def test_showing_a_sibling_shows_its_newest_branch(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    first = chat.messages.get(content="answer 1")
    other = make_answer(chat, content="answer 1b", parent=first.parent)

    show_sibling(alice, chat.uuid, first.uuid)
    chat.refresh_from_db()
    assert chat.current_message == first

    show_sibling(alice, chat.uuid, other.uuid)
    chat.refresh_from_db()
    assert chat.current_message == other


def test_a_sibling_of_another_chat_does_not_exist(alice: User, charlie: User) -> None:
    own, foreign = make_chat(owner=charlie, messages=2), make_chat(owner=alice, messages=2)

    with pytest.raises(Http404):
        show_sibling(charlie, own.uuid, foreign.messages.earliest("id").uuid)
