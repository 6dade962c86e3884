"""Ids in imported files that others have, or one's own other rows: nothing of those is changed, linked or shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

import rag.api as rag
from tests.chats.transfer import test_chatgpt, test_open_webui
from tests.chats.transfer.files import exported, taken
from tests.chats.transfer.test_hostile import places, replaced
from tests.permissions.world import PRIVATE, SHARED, World, make_world, snapshot
from webui.accounts.models import User
from webui.chats.models import Chat, Citation, Folder, Image, Message, ShareLink, Tag
from webui.presets.ids import preset_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_folder")]

NAMED = {
    "id", "parent", "parentId", "shown", "currentId", "current_node", "conversation_id", "folder_id", "gizmo_id",
    "share_id", "user_id", "sha256", "file", "model", "answerer", "models", "beside", "modelIdx", "name", "source",
    "collection_name", "asset_pointer", "tags", "knowledge", "connection",
}  # fmt: skip
"""Keys of files under which an id, or the name of something, may stand."""


def own_form() -> dict[str, Any]:
    generation = {"id": "g", "state": "finished", "created_at": "2025-05-05T05:05:05Z"}
    document = {"name": "d", "id": "x", "sha256": "x", "file": "files/x"}
    citation = {"number": 1, "start": 0, "end": 1, "text": "w", "document": document, "is_of_own_document": False}
    asked = {"documents": [document], "knowledge": [{"id": "k", "name": "k"}], "images": [{"id": "i", "file": "x"}]}
    answer = {"id": "a", "parent": "q", "role": "assistant", "content": "[1]", "model": "m", "answerer": "m"}
    return {
        "hearth_chat": 1, "id": "x", "folder": {"id": "f", "name": "F"}, "tags": ["t"], "shown": "a", "model": "m",
        "beside": ["m"],
        "messages": [
            {"id": "q", "role": "user", "content": "?", "picture_wish": {"connection": "c"}, **asked},
            answer | {"generation": generation, "citations": [citation], "merged_from": [{"id": "b", "name": "b"}]},
        ],
    }  # fmt: skip


def forms() -> list[dict[str, Any]]:
    collection = {"type": "collection", "id": "k", "name": "k", "collection_name": "k"}
    source = {"source": {"id": "s", "name": "s"}, "document": ["w"], "metadata": [{"source": "s", "name": "s"}]}
    picture = {"asset_pointer": "file-service://file-1"}
    return [
        own_form(),
        test_open_webui.chat(
            test_open_webui.message("q", None, "user", "?", files=[collection], models=["m"]),
            test_open_webui.message("a", "q", "assistant", "[1]", sources=[source], model="m"),
            current="a", folder_id="f", share_id="s", meta={"tags": ["t"]},
        ),
        test_chatgpt.chat(
            test_chatgpt.node("q", "root", "user", "?", metadata={"attachments": [{"id": "file-1", "name": "f"}]}),
            test_chatgpt.node("a", "q", "assistant", picture, "!", kind="multimodal_text"),
            current="a", gizmo_id="g-p-1",
        ),
    ]  # fmt: skip


def naming(ids: list[str]) -> Iterator[dict[str, Any]]:
    """Yield a chat for each place with some of the ids in it, which has an id of its own elsewhere."""
    number = 0
    for form in forms():
        ways = [way for way in places(form) if isinstance(_at(form, way), str) and NAMED & {str(step) for step in way}]
        assert len(ways) > 8
        for way in ways:
            for value in ids[number % 3 :: 3]:
                number += 1
                free = {"id": f"chat {number}"} | ({"conversation_id": f"chat {number}"} if "mapping" in form else {})
                yield replaced(form | free, way, value)


def _at(value: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        value = value[step]
    return value


def ids_of(world: World) -> list[str]:
    """Return ids of what a file may name."""
    rows = [world.chat, world.message, world.folder, world.private, world.private_document]
    rows += [Tag.objects.get(owner=world.owner), ShareLink.objects.get(chat__owner=world.owner)]
    rows += [Image.objects.filter(owner=world.owner).exclude(message=None).get(), world.message.its_generation]
    found = [str(row.uuid) for row in rows if row]
    presets = [preset_id(world.private_preset), preset_id(world.shared_preset)]
    return [*found, world.private_document.sha256, *presets]


def test_ids_of_somebody_else_in_any_place_lead_to_nothing_of_theirs(
    alice: User, charlie: User, sign_in: Callable[[User], Client]
) -> None:
    world = make_world(alice)
    wanted = ids_of(world)
    before = snapshot(alice)
    chats = [*naming(wanted)]

    done = taken(charlie, SimpleUploadedFile("x.json", json.dumps(chats).encode()))

    assert snapshot(alice) == before
    # Of those that have the same id for their own, the first is taken.
    assert (done.n_refused, done.n_taken > len(chats) * 0.8) == (0, True)
    assert not rag.Document.objects.filter(owner=charlie).exists()
    assert not Message.documents.through.objects.filter(message__chat__owner=charlie).exists()
    assert not Message.knowledge.through.objects.filter(message__chat__owner=charlie).exists()
    assert not Citation.objects.filter(message__chat__owner=charlie).exclude(document=None).exists()
    assert not Folder.objects.filter(chats__owner=charlie).exclude(owner=charlie).exists()
    assert not Tag.objects.filter(chats__owner=charlie).exclude(owner=charlie).exists()
    assert PRIVATE.encode() not in exported(charlie).read()
    client = sign_in(charlie)
    for chat in Chat.objects.filter(owner=charlie, model__startswith="preset:"):
        page = client.get(reverse("chats:chat", args=[chat.uuid])).content.decode()
        assert PRIVATE not in page and SHARED not in page


def test_ids_of_ones_own_other_rows_leave_those_as_they_are(alice: User) -> None:
    world = make_world(alice)
    before = snapshot(alice)
    chats = [chat for chat in naming(ids_of(world)) if chat.get("id") != str(world.chat.uuid)]

    taken(alice, SimpleUploadedFile("x.json", json.dumps(chats).encode()))

    after = snapshot(alice)
    assert [row for row in before if row not in after] == []
