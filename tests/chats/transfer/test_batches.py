"""Chats that are stored together become what they would have become one by one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError

from tests.chats.transfer.files import as_json, notes_of, taken
from tests.chats.transfer.test_open_webui import chat, message
from webui.accounts.models import User
from webui.chats.models import Chat, ImportedChat
from webui.chats.search.finding import find_chats, find_messages
from webui.chats.search.typed import read_query
from webui.chats.services import imports
from webui.chats.transfer import taking

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_folder")]


def chats() -> list[dict[str, Any]]:
    """Return chats that have to do with each other: one twice, ids of messages in two, and what cannot be read."""
    told = "12345678-1234-5678-1234-56781234567{}"
    rows = [message(told.format(0), None, "user", "?"), message(told.format(1), told.format(0), "assistant", "!")]
    about: dict[str, Any] = {"meta": {"tags": ["a_tag", "B"]}, "folder_id": "f", "pinned": True}
    return [
        chat(*rows, id="one", title="One", **about),
        chat(*rows, id="two", title="Two", **about | {"meta": {"tags": ["b", "c"]}}),
        {"mapping": {}},
        chat(message("q", None, "user", "again"), id="one", title="One again"),
        chat(message("q", None, "user", "last"), id="three", title="Three"),
    ]


def outcomes(owner: User) -> list[tuple[str, str, dict[str, int]]]:
    rows = ImportedChat.objects.filter(source__owner=owner).order_by("position")
    return [(row.title, row.outcome, row.notes) for row in rows]


def kept(owner: User) -> list[tuple[Any, ...]]:
    """Return what there is, without ids: of two messages that claim one, the second gets any other."""
    return [
        (
            found.title,
            found.folder and found.folder.name,
            found.is_pinned,
            sorted(tag.name for tag in found.tags.all()),
            [(row.role, row.content, row.parent and row.parent.content) for row in found.messages.all()],
            found.current_message and found.current_message.content,
            found in find_chats(owner, read_query(found.title)).rows,
            len(find_messages(owner, read_query("last")).rows),
        )
        for found in Chat.objects.filter(owner=owner).order_by("pk")
    ]


def test_stored_together_and_one_by_one_are_alike(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    taken(alice, as_json(chats()))
    monkeypatch.setattr(taking, "BATCH_CHATS", 1)
    taken(bob, as_json(chats()))

    assert len(kept(alice)) == 3
    assert kept(alice) == kept(bob)
    assert outcomes(alice) == outcomes(bob)


def test_one_that_the_database_refuses_does_not_cost_the_others(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    store = imports._store_messages

    def refuse(chats: Any, all_taken: Any) -> Any:
        if any(taken.title == "Two" for taken in all_taken):
            raise IntegrityError
        return store(chats, all_taken)

    monkeypatch.setattr(imports, "_store_messages", refuse)

    done = taken(alice, as_json(chats()))

    assert (done.n_taken, done.n_known, done.n_refused) == (2, 1, 2)
    assert [title for title, outcome, _ in outcomes(alice) if outcome == "taken"] == ["One", "Three"]
    assert notes_of(done)[1] == {"not_stored": 1}
