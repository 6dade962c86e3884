from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from tests.factories import make_chat
from webui.accounts.models import User
from webui.chats.models import Chat
from webui.ui.keyset import BadCursor, decode_cursor, encode_cursor, newest_first

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def pages_of(limit: int) -> list[list[int]]:
    """Walk through all chats, page by page."""
    pages, cursor = [], None
    while True:
        page = newest_first(Chat.objects.all(), field="updated_at", before=cursor, limit=limit)
        pages.append([chat.pk for chat in page.rows])
        cursor = page.next_cursor
        if cursor is None:
            return pages


def test_pages_hold_every_row_once_newest_first(alice: User) -> None:
    chats = [make_chat(owner=alice) for _ in range(5)]
    for minutes, chat in enumerate(chats):
        Chat.objects.filter(pk=chat.pk).update(updated_at=NOON + timedelta(minutes=minutes))

    assert pages_of(2) == [[chats[4].pk, chats[3].pk], [chats[2].pk, chats[1].pk], [chats[0].pk]]


def test_rows_of_the_same_moment_are_not_lost_between_pages(alice: User) -> None:
    chats = [make_chat(owner=alice) for _ in range(4)]
    Chat.objects.update(updated_at=NOON)

    assert pages_of(3) == [[chats[3].pk, chats[2].pk, chats[1].pk], [chats[0].pk]]


def test_a_full_last_page_has_no_next(alice: User) -> None:
    for _ in range(2):
        make_chat(owner=alice)

    assert len(pages_of(2)) == 1


def test_a_row_that_comes_meanwhile_shifts_nothing(alice: User) -> None:
    for _ in range(3):
        make_chat(owner=alice)
    Chat.objects.update(updated_at=NOON)
    first = newest_first(Chat.objects.all(), field="updated_at", before=None, limit=2)
    make_chat(owner=alice)

    second = newest_first(Chat.objects.all(), field="updated_at", before=first.next_cursor, limit=2)

    assert len(second.rows) == 1
    assert second.rows[0] not in first.rows


def test_a_page_costs_one_query(alice: User, django_assert_num_queries: object) -> None:
    make_chat(owner=alice)

    with django_assert_num_queries(1):  # type: ignore[operator]
        newest_first(Chat.objects.all(), field="updated_at", before=encode_cursor(timezone.now(), 1), limit=2)


def test_a_cursor_reads_back() -> None:
    assert decode_cursor(encode_cursor(NOON, 7)) == (NOON, 7)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%%%",
        "é",
        *(
            base64.urlsafe_b64encode(text.encode()).decode()
            for text in ("2026-03-01|7", "2026-03-01T12:00:00+00:00", "2026-03-01T12:00:00+00:00|-1",
                         f"2026-03-01T12:00:00+00:00|{2**63}", "|", "yesterday|3")
        ),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)  # fmt: skip
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        decode_cursor(cursor)
