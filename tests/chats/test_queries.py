from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import make_chat, make_folder
from webui.accounts.models import User
from webui.chats.models import Chat, Folder
from webui.chats.queries import N_NEWEST, PAGE_SIZE, chat_page, listed_folders, visible_chats


def make_many(owner: User, number: int, folder: Folder | None = None) -> list[Chat]:
    """Make chats whose times are equal in pairs, so that ties matter."""
    now = timezone.now()
    return Chat.objects.bulk_create(
        Chat(owner=owner, folder=folder, title=f"chat {n}", updated_at=now - timedelta(minutes=n // 2))
        for n in range(number)
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


def test_an_open_folder_shows_its_newest_chats_and_a_closed_one_none(alice: User) -> None:
    folder = make_folder(owner=alice, name="Harbour")
    make_many(alice, N_NEWEST + 3, folder)
    newest = [chat.title for chat in chat_page(alice, folder=folder).rows][:N_NEWEST]
    closed = make_folder(owner=alice, name="attic", is_open=False)
    make_chat(owner=alice, folder=closed)
    make_folder(owner=alice, name="Zoo")

    listed = [(row.folder.name, row.n_chats, [chat.title for chat in row.newest]) for row in listed_folders(alice)]

    assert listed == [("attic", 1, []), ("Harbour", 8, newest), ("Zoo", 0, [])]
    assert [row.folder for row in listed_folders(alice, folder.uuid)] == [folder]


def test_all_folders_with_their_chats_are_one_query(
    alice: User, charlie: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    for _ in range(5):
        make_many(alice, 3, make_folder(owner=alice))

    with django_assert_num_queries(1):
        assert len(listed_folders(alice)) == 5
    assert listed_folders(charlie) == []
