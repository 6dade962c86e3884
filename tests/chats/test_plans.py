"""How SQLite reads lists of chats: a hundred thousand others cost nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from webui.accounts.models import User
from webui.chats.queries import archived_page, chat_page, deleted_page, pinned_chats

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda user: list(pinned_chats(user)), "chats_chat_pinned"),
        (chat_page, "chats_chat_sidebar"),
        (archived_page, "chats_chat_archived"),
        (deleted_page, "chats_chat_deleted"),
    ],
    ids=["pinned", "newest", "archived", "deleted"],
)
def test_a_list_reads_its_own_index_and_sorts_nothing(ask: Callable[[User], object], index: str, alice: User) -> None:
    with CaptureQueriesContext(connection) as asked:
        ask(alice)

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked[0]['sql']}")  # noqa: S608  (our own query)
        steps = [step for *_, step in cursor.fetchall()]
    assert f"USING INDEX {index} " in steps[0]
    assert not any("TEMP B-TREE" in step for step in steps)
