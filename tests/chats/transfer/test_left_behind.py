"""Of an import that is refused, cut off, damaged or stopped nothing is there but whole chats and the report."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import File
from django.core.files.uploadedfile import SimpleUploadedFile

import rag.api as rag
from rag.errors import ImportRefused
from rag.imports import taking as archives
from tests.chats.transfer import test_chatgpt, test_open_webui
from tests.chats.transfer.files import as_json, as_zip, exported
from tests.chats.transfer.test_round_trip import wipe
from tests.doubles.pictures import png
from tests.factories import make_answer, make_chat, make_document, make_folder, make_image, make_knowledge, make_message
from webui.accounts.models import User
from webui.chats.models import Chat, Folder, Message
from webui.chats.services.tags import add_tags, tags_named
from webui.chats.transfer import taking
from webui.chats.transfer.bundle import export_chat
from webui.presets.errors import ImportRefused as PromptsRefused
from webui.presets.prompt_transfer import import_prompts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_folder")]

N_CHATS = 4


@dataclass(frozen=True)
class Kind:
    """A kind of file: a good one, and what takes it; that returns whether it was not refused."""

    make: Callable[[User], bytes]
    take: Callable[[User, bytes], bool]
    report: frozenset[str] = frozenset()


# ---- good files ----------------------------------------------------------------------------------


def _fill(owner: User) -> None:
    """Make chats that have all that lies somewhere else: a folder, tags, documents and pictures."""
    folder = make_folder(owner=owner, name="Harbour")
    folder.documents.add(_document(owner, "of the folder"))
    for number in range(N_CHATS):
        chat = make_chat(owner=owner, title=f"Chat {number}", folder=folder)
        add_tags(chat, tags_named(owner, [f"tag {number}"]))
        question = make_message(chat, content="What is this?")
        question.documents.add(_document(owner, f"of chat {number}"))
        make_image(owner=owner, message=question, colour="teal")
        make_answer(chat, parent=question, content="A rope.")


def _document(owner: User, text: str) -> rag.Document:
    return rag.create_document(owner, SimpleUploadedFile(f"{text}.txt", text.encode()))


def _bundle(owner: User) -> bytes:
    _fill(owner)
    return bytes(exported(owner).read())


def _own_json(owner: User) -> bytes:
    _fill(owner)
    return b"[%s]" % b",".join(export_chat(chat) for chat in Chat.objects.filter(owner=owner))


def _open_webui(_owner: User) -> bytes:
    picture = "data:image/png;base64," + base64.b64encode(png(8, 8)).decode()
    found = []
    for number in range(N_CHATS):
        files = [{"name": "a", "file": {"data": {"content": f"{number}"}}}, {"type": "image", "url": picture}]
        rows = [
            test_open_webui.message("q", None, "user", "?", files=files),
            test_open_webui.message("a", "q", "assistant", "!", annotation={"rating": 1}, usage={"eval_count": 1}),
        ]
        about = {"title": f"Chat {number}", "folder_id": "f", "meta": {"tags": [f"t{number}"]}}
        found.append(test_open_webui.chat(*rows, id=f"{number}", **about))
    return bytes(as_json(found).read())


def _chatgpt_chats() -> list[dict[str, Any]]:
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1"}
    return [
        test_chatgpt.chat(
            test_chatgpt.node(
                "q", "root", "user", picture, "?", kind="multimodal_text",
                metadata={"attachments": [{"id": f"file-x{number}", "name": "a.txt"}]},
            ),
            test_chatgpt.node("a", "q", "assistant", "!"),
            title=f"Chat {number}", conversation_id=f"{number}", current="a", gizmo_id="g-p-1",
        )
        for number in range(N_CHATS)
    ]  # fmt: skip


def _chatgpt(_owner: User) -> bytes:
    return json.dumps(_chatgpt_chats()).encode()


def _chatgpt_archive(_owner: User) -> bytes:
    texts = {f"file-x{number}-a.txt": f"text {number}" for number in range(N_CHATS)}
    entries = {"conversations.json": json.dumps(_chatgpt_chats()), "file-1-p.png": png(8, 8), **texts}
    return bytes(as_zip(entries).read())


def _prompts(_owner: User) -> bytes:
    rows = [{"command": f"c{number}", "name": "C", "content": "text"} for number in range(N_CHATS)]
    return json.dumps(rows).encode()


def _knowledge(owner: User) -> bytes:
    documents = [make_document(owner=owner, name=f"{n}.txt", text=f"text {n}") for n in range(N_CHATS)]
    return b"".join(rag.export_knowledge(make_knowledge(*documents, owner=owner), owner.pk))


# ---- taking them ---------------------------------------------------------------------------------


def _take_chats(owner: User, content: bytes) -> bool:
    try:
        taking.begin_import(owner, SimpleUploadedFile("chats", content))
    except ImportRefused:
        return False
    worker = taking.Worker()
    while worker.go_on():
        pass
    return True


def _take_prompts(owner: User, content: bytes) -> bool:
    try:
        import_prompts(owner, content)
    except PromptsRefused:
        return False
    return True


def _take_knowledge(owner: User, content: bytes) -> bool:
    try:
        archives.begin_import(owner, File(io.BytesIO(content)), "x")
    except ImportRefused:
        return False
    while archives.go_on():
        pass
    return True


CHATS = frozenset({"ChatImport", "ImportedChat"})
OF_CHATS = {
    "own bundle": Kind(_bundle, _take_chats, CHATS),
    "own JSON": Kind(_own_json, _take_chats, CHATS),
    "Open WebUI": Kind(_open_webui, _take_chats, CHATS),
    "ChatGPT JSON": Kind(_chatgpt, _take_chats, CHATS),
    "ChatGPT archive": Kind(_chatgpt_archive, _take_chats, CHATS),
}
KINDS = OF_CHATS | {
    "prompts": Kind(_prompts, _take_prompts),
    "knowledge": Kind(_knowledge, _take_knowledge),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
every_kind_of_chats = pytest.mark.parametrize("kind", OF_CHATS.values(), ids=OF_CHATS)


def without_chats(content: bytes) -> Iterator[bytes]:
    """Yield files that have nothing to take in, made of a good one or of nothing."""
    yield from (b"", b" ", b"\x00" * 40, b"[", b"[]", b"{}", b'"x"', b"7", b"[7, null]", b'[{"a": 1}]', b"PK\x03\x04")
    yield content[:40]
    if not content.startswith(b"PK"):
        yield b"\xff" + content
    else:
        yield content[: len(content) // 2]
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {info.filename: archive.read(info) for info in archive.infolist()}
        yield bytes(as_zip(dict.fromkeys(entries, b"")).read())
        # Of a knowledge without its manifest the files are taken, as of any archive.
        lists = [name for name in entries if name.startswith(("chats/", "conversations"))]
        if lists:
            yield bytes(as_zip({name: b"\xff[{" + entries[name] for name in lists}).read())
        if folders := entries.get("folders.json"):
            yield bytes(as_zip({"folders.json": folders, "chats/1.jsonl": b"{"}).read())
        yield bytes(as_zip({"else.txt.exe": b"MZ\x00\x01" * 9}).read())


def rows(data: Path) -> tuple[Counter[str], set[str]]:
    """Return how many rows each table has, and which files lie in the data folder."""
    counts = Counter({model.__name__: model._base_manager.count() for model in apps.get_models()})
    return counts, {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}


@every_kind
def test_nothing_is_left_of_what_holds_nothing(alice: User, bob: User, data_folder: Path, kind: Kind) -> None:
    content = kind.make(bob)
    for bad in without_chats(content):
        before, files = rows(data_folder)

        was_taken = kind.take(alice, bad)

        after, files_after = rows(data_folder)
        more = {name for name in after if after[name] != before[name]}
        assert more <= (kind.report if was_taken else set()), (bad[:60], more)
        assert files_after == files, bad[:60]


def whole(owner: User) -> dict[str, tuple[int, ...]]:
    """Return by title how much belongs to each chat."""
    return {
        chat.title: (
            chat.messages.count(),
            chat.tags.count(),
            Message.documents.through.objects.filter(message__chat=chat).count(),
            sum(message.images.count() for message in chat.messages.all()),
        )
        for chat in Chat.objects.filter(owner=owner)
    }


def assert_nothing_is_half(owner: User, expected: dict[str, tuple[int, ...]], data: Path) -> None:
    found = whole(owner)
    assert found == {title: expected[title] for title in found}
    assert_nothing_is_without_a_use(owner, data)


def assert_nothing_is_without_a_use(owner: User, data: Path) -> None:
    documents = rag.Document.objects.filter(owner=owner)
    asked = Message.documents.through.objects.filter(message__chat__owner=owner).values("document")
    of_folders = Folder.documents.through.objects.filter(folder__owner=owner).values("document")
    assert not documents.exclude(pk__in=asked).exclude(pk__in=of_folders).exists()
    kept = {document.uuid.hex for document in rag.Document.objects.all()}
    assert {path.name for path in (data / "uploads").rglob("*") if path.is_file()} == kept
    assert not [*rag.temporary_folder().iterdir()]


def damaged(content: bytes) -> Iterator[bytes]:
    step = len(content) // 10
    for at in range(step, len(content), step):
        yield content[:at] + bytes(30) + content[at + 30 :]


@pytest.mark.parametrize("kind", [OF_CHATS[name] for name in ("own JSON", "Open WebUI", "ChatGPT JSON")])
def test_of_a_file_that_is_cut_off_there_are_whole_chats(
    alice: User, bob: User, charlie: User, data_folder: Path, kind: Kind
) -> None:
    content = kind.make(bob)
    kind.take(charlie, content)
    expected = whole(charlie)
    n_chats = []

    for at in range(len(content) // 8, len(content), len(content) // 8):
        kind.take(alice, content[:at])
        n_chats.append(len(whole(alice)))
        assert_nothing_is_half(alice, expected, data_folder)
        wipe(alice)

    assert n_chats == sorted(n_chats)
    assert (n_chats[0], max(n_chats), len(expected)) == (0, N_CHATS - 1, N_CHATS)


@every_kind_of_chats
def test_what_a_damaged_file_brings_in_has_its_messages_and_no_file_is_without_a_use(
    alice: User, bob: User, data_folder: Path, kind: Kind
) -> None:
    content = kind.make(bob)

    for bad in damaged(content):
        kind.take(alice, bad)
        assert {n_messages for n_messages, *_ in whole(alice).values()} <= {2}
        assert_nothing_is_without_a_use(alice, data_folder)
        wipe(alice)


@every_kind_of_chats
@pytest.mark.parametrize("n_before", [0, 2])
def test_of_an_import_that_is_stopped_there_are_whole_chats(
    alice: User, bob: User, charlie: User, data_folder: Path, kind: Kind, n_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = kind.make(bob)
    kind.take(charlie, content)
    expected = whole(charlie)
    begun = taking.begin_import(alice, SimpleUploadedFile("chats", content))
    monkeypatch.setattr(taking, "BATCH_CHATS", n_before or N_CHATS)
    store = taking._Turn._store

    def stop_and_note(turn: Any, *args: Any) -> None:
        # All that belongs to the chats is stored by now, and the person stops it.
        if Chat.objects.filter(owner=alice).count() > n_before:
            taking.stop_import(begun)
        store(turn, *args)

    monkeypatch.setattr(taking._Turn, "_store", stop_and_note)
    worker = taking.Worker()
    while worker.go_on():
        pass

    assert len(whole(alice)) == n_before
    assert_nothing_is_half(alice, expected, data_folder)
