from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import make_answer, make_chat, make_document, make_message
from webui.accounts.models import User
from webui.chats.models import Chat
from webui.chats.queries import PAGE_SIZE, branch_messages, chat_page, visible_chats
from webui.chats.views.fragments import message_views


def make_many(owner: User, number: int) -> list[Chat]:
    """Make chats whose times are equal in pairs, so that ties matter."""
    now = timezone.now()
    return Chat.objects.bulk_create(
        Chat(owner=owner, title=f"chat {n}", updated_at=now - timedelta(minutes=n // 2)) for n in range(number)
    )


def test_people_see_their_own_chats_alone(alice: User, charlie: User) -> None:
    make_chat(owner=alice)

    assert visible_chats(alice).count() == 1
    assert not visible_chats(charlie).exists()


def test_pages_hold_every_chat_once_newest_first(alice: User) -> None:
    make_many(alice, 2 * PAGE_SIZE + 5)

    titles, cursor = [], None
    while True:
        page = chat_page(alice, cursor)
        titles += [chat.title for chat in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert len(titles) == len(set(titles)) == 2 * PAGE_SIZE + 5
    assert titles == [chat.title for chat in visible_chats(alice)]


def test_a_new_chat_between_two_pages_repeats_nothing(alice: User) -> None:
    make_many(alice, PAGE_SIZE + 5)
    first = chat_page(alice)
    make_chat(owner=alice, title="newer than all")

    second = chat_page(alice, first.next_cursor)

    assert not {chat.pk for chat in first.rows} & {chat.pk for chat in second.rows}
    assert len(second.rows) == 5


def test_the_list_is_one_query_that_reads_no_message(
    alice: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    for _ in range(5):
        make_chat(owner=alice, messages=4)

    with CaptureQueriesContext(connection) as queries:
        page = chat_page(alice)
        assert [chat.title for chat in page.rows] == ["A chat"] * 5

    assert len(queries) == 1
    assert "chats_message" not in queries[0]["sql"]


def test_a_branch_costs_the_same_however_long_it_is(alice: User, django_assert_num_queries: Callable[..., Any]) -> None:
    chat = make_chat(owner=alice)
    for number in range(30):
        make_message(chat, content=f"q{number}").documents.add(make_document(owner=alice))
        make_answer(chat, content=f"a{number}")
    make_answer(chat, content="a29b", parent=chat.messages.get(content="q29"))

    # Tree, messages, documents, citations, siblings.
    with django_assert_num_queries(5):
        views = list(message_views(chat, branch_messages(chat)))

    assert len(views) == 60
    assert views[0].documents[0].name == "notes.txt"


def test_the_branch_is_the_shown_one(alice: User) -> None:
    chat = make_chat(owner=alice, messages=4)
    make_message(chat, content="other", parent=chat.messages.get(content="answer 1"))

    assert [m.content for m in branch_messages(chat).messages] == ["question 1", "answer 1", "other"]


def test_a_chat_whose_leaf_is_not_set_shows_its_newest_message(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    chat.current_message = None

    assert [m.content for m in branch_messages(chat).messages] == ["question 1", "answer 1"]


def test_an_empty_chat_has_an_empty_branch(alice: User) -> None:
    assert branch_messages(make_chat(owner=alice)).messages == []
