"""A hostile or broken file leaves nothing behind but what it rightly said, and a report of the rest."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import rag.api as rag
from rag.errors import ImportRefused
from rag.types import Problem
from tests.chats.transfer import test_chatgpt, test_open_webui
from tests.chats.transfer.files import as_json, as_zip, exported, notes_of, taken
from tests.chats.transfer.measured import LIMIT_MB
from tests.factories import make_answer, make_chat, make_message
from webui.accounts.models import User
from webui.chats.models import Chat, ChatImport, Folder, Message, Tag
from webui.chats.transfer import limits, sources
from webui.chats.transfer.bundle import export_chat
from webui.chats.transfer.sources import Source
from webui.chats.transfer.taking import begin_import, remove_left_over

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_folder")]

ROOT = Path(__file__).resolve().parents[3]


def left_behind(data: Path) -> set[str]:
    """Return the files in the data folder that belong to nothing: neither to a document nor to the database."""
    kept = {f"documents/{document.uuid.hex}" for document in rag.Document.objects.all()}
    found = {str(path.relative_to(data / "uploads")) for path in (data / "uploads").rglob("*") if path.is_file()}
    temporary = {str(path) for path in rag.temporary_folder().iterdir()}
    return (found - kept) | temporary


def open_webui_chat(*messages: dict[str, Any]) -> dict[str, Any]:
    return test_open_webui.chat(*messages or [test_open_webui.message("q", None, "user", "Which rope?")])


# ---- limits --------------------------------------------------------------------------------------


def test_a_chat_of_a_million_messages_is_told_and_not_taken(alice: User, data_folder: Path) -> None:
    row = b'"%d":{"role":"user","content":"x","parentId":"%d"},'
    many = b"".join(row % (n, n - 1) for n in range(1_000_000)).rstrip(b",")
    good = as_json(open_webui_chat()).read()
    data = b'[{"title":"Many","chat":{"history":{"messages":{' + many + b"}}}}," + good + b"]"

    done = taken(alice, SimpleUploadedFile("many.json", data))

    assert (done.n_taken, done.n_refused) == (1, 1)
    assert notes_of(done) == [{"too_large": 1}, {}]
    assert Message.objects.count() == 1
    assert left_behind(data_folder) == set()


def test_a_chat_with_some_more_messages_than_there_may_be_is_told_and_not_taken(alice: User) -> None:
    too_many = range(limits.MAX_MESSAGES + 1)
    owui = open_webui_chat(*({"id": str(n), "role": "user", "content": "x"} for n in too_many))
    chatgpt = test_chatgpt.chat(*(test_chatgpt.node(str(n), None, "user", "x") for n in too_many))
    own = {"hearth_chat": 1, "id": "x", "messages": [{"role": "user", "content": "x"} for _ in too_many]}

    done = taken(alice, [owui, chatgpt, own])

    assert notes_of(done) == [{"too_many_messages": 1}] * 3
    assert not Message.objects.exists()


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"chat":{"history":{"messages":{"x":{"content":['])
def test_json_of_any_depth_is_told_and_what_follows_is_taken(alice: User, opening: str) -> None:
    n = 200_000
    closing = "".join({"[": "]", "{": "}"}[sign] for sign in reversed([c for c in opening if c in "[{"]))
    deep = (opening * n + "0" + closing * n).encode()
    data = b'[{"x":' + deep + b"}," + as_json(open_webui_chat()).read() + b"]"

    done = taken(alice, SimpleUploadedFile("deep.json", data))

    assert (done.n_taken, done.n_refused) == (1, 1)


def test_a_long_text_is_cut_and_told(alice: User) -> None:
    long = open_webui_chat(test_open_webui.message("q", None, "user", "x" * 1_200_000))

    done = taken(alice, [long | {"title": "t" * 5_000}])

    assert len(Message.objects.get().content) == 1_000_000
    assert notes_of(done) == [{"cut_texts": 1, "cut_title": 1}]


def test_a_bomb_is_refused_before_it_is_unpacked(alice: User) -> None:
    bomb = as_zip({"conversations.json": b" " * 60_000_000})

    with pytest.raises(ImportRefused) as refused:
        begin_import(alice, bomb)

    assert refused.value.problem == Problem.TOO_LARGE
    assert not ChatImport.objects.exists()


def test_more_than_may_be_packed_is_refused(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_MAX_UNPACKED", 0)

    with pytest.raises(ImportRefused):
        begin_import(alice, as_zip({"conversations.json": b"[]"}))


# ---- archives ------------------------------------------------------------------------------------


def test_names_that_lead_out_of_the_archive_lead_nowhere(alice: User, data_folder: Path) -> None:
    chat = make_chat(owner=alice)
    make_message(chat)
    row = json.loads(export_chat(chat))
    chat.delete()
    ways = ["../../evil.txt", "/etc/passwd", "..\\evil.txt", "C:\\evil.txt", "files/../../../evil.txt"]
    row["messages"][0]["documents"] = [{"name": way, "file": way} for way in [*ways, "files/not there"]]
    entries = {way: f"Evil {way}" for way in ways}

    done = taken(alice, as_zip({"chats/00001.jsonl": json.dumps(row), **entries}))

    # What such an entry holds is a document like any other, under a name that is none of the system's.
    assert {document.name for document in rag.Document.objects.all()} == {"evil.txt", "passwd"}
    assert notes_of(done) == [{"missing_files": 1}]
    assert not list(data_folder.parent.glob("**/evil.txt"))
    assert left_behind(data_folder) == set()


def test_links_and_folders_named_as_chats_are_no_chats(alice: User) -> None:
    link = zipfile.ZipInfo("chats/00001.jsonl")
    link.external_attr = 0o120777 << 16
    file = as_zip({"folders.json": "[]"})
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(link, "/etc/passwd")

    file.seek(0)
    done = taken(alice, file)

    assert (done.state, done.n_taken) == ("failed", 0)


def test_an_archive_that_is_damaged_inside_gives_what_came_before(alice: User, data_folder: Path) -> None:
    for number in range(40):
        make_message(make_chat(owner=alice, title=str(number)), content=str(random.Random(number).random()) * 20)  # noqa: S311
    whole = bytearray(exported(alice).read())
    Chat.objects.all().delete()
    with zipfile.ZipFile(SimpleUploadedFile("x", bytes(whole))) as archive:
        info = archive.getinfo("chats/00001.jsonl")
    middle = info.header_offset + 60 + info.compress_size // 2
    whole[middle : middle + 20] = bytes(20)

    done = taken(alice, SimpleUploadedFile("chats.zip", bytes(whole)))

    assert done.state == "done"
    assert notes_of(done)[-1] in ({"cut_off": 1}, {"not_json": 1})
    assert left_behind(data_folder) == set()


# ---- whatever may be in it -----------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from([10**400, "\ud800\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def own_chat(alice: User) -> dict[str, Any]:
    chat = make_chat(owner=alice)
    make_answer(chat, parent=make_message(chat), error_code="queue_full", ledger={"a": 1})
    found: dict[str, Any] = json.loads(export_chat(chat))
    chat.delete()
    answer = found["messages"][1]
    place = {"number": 1, "start": 0, "end": 1, "page": 1, "score": 1}
    answer["citations"] = [{"text": "x", "document_name": "x", **place}]
    answer["rating"] = {"is_good": True, "reasons": ["correct"], "comment": "x", "rated_at": found["created_at"]}
    found |= {"folder": {"id": "f", "name": "F"}, "tags": ["t"]}
    return found


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, below in inner for place in places(below, (*way, key)))]


def replaced(value: Any, way: tuple[Any, ...], by: Any) -> Any:
    if not way:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[way[0]] = replaced(copy[way[0]], way[1:], by)
    return copy


@settings(
    max_examples=150,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_value_in_any_place_breaks_an_import(alice: User, data: st.DataObject) -> None:
    kinds = {
        "own": own_chat(alice),
        "open webui": open_webui_chat(
            test_open_webui.message("q", None, "user", [{"type": "text", "text": "x"}], files=[{"type": "file"}]),
            test_open_webui.message(
                "a", "q", "assistant", "x", sources=[{"source": {}, "document": ["x"], "metadata": [{}]}],
                annotation={"rating": 1}, output=[{"type": "reasoning", "summary": [{"text": "x"}]}],
            ),
        ),
        "chatgpt": test_chatgpt.chat(
            test_chatgpt.node("q", "root", "user", {"asset_pointer": "sediment://file_1"}, kind="multimodal_text"),
            test_chatgpt.node("t", "q", "tool", {"thoughts": [{"content": "x"}]}, kind="thoughts"),
            test_chatgpt.node("a", "t", "assistant", "x", metadata={"attachments": [{"id": "file-1", "name": "x"}]}),
        ),
    }  # fmt: skip
    found = kinds[data.draw(st.sampled_from(sorted(kinds)))]
    for _ in range(data.draw(st.integers(1, 3))):
        way = data.draw(st.sampled_from(places(found)))
        found = replaced(found, way, data.draw(JSON))
    before = ChatImport.objects.count()

    done = taken(alice, SimpleUploadedFile("x.json", json.dumps([found]).encode()))

    assert done.state in ("done", "failed")
    assert done.n_attempts <= 2
    assert all("not_stored" not in notes for notes in notes_of(done))
    assert ChatImport.objects.count() == before + 1
    Chat.objects.all().delete()
    Folder.objects.all().delete()
    Tag.objects.all().delete()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_no_bytes_break_the_reading_of_a_file(data: st.DataObject) -> None:
    good = as_zip({"conversations.json": json.dumps([open_webui_chat()] * 3)}).read()
    samples = [good, b'[{"a": "\\"}]"}, {}]', b"PK\x05\x06" + bytes(18)]
    content = data.draw(st.sampled_from(samples) | st.binary(max_size=80))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content)))
        content = content[:at] + data.draw(st.binary(max_size=4)) + content[at + data.draw(st.integers(0, 4)) :]

    file = SimpleUploadedFile("x", content)
    try:
        pieces = list(Source(file.file).pieces(sources.Cursor()))  # type: ignore[arg-type]  # as the service does
    except ImportRefused:
        return

    assert len(pieces) <= 100


# ---- what is left --------------------------------------------------------------------------------


def test_files_that_no_import_knows_of_are_removed(
    alice: User, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = begin_import(alice, as_json([open_webui_chat()]))
    default_storage.save("chat-imports/forgotten", SimpleUploadedFile("x", b"x"))
    monkeypatch.setattr("webui.chats.transfer.taking.BEGINNING_MAX", timedelta(minutes=-1))

    remove_left_over()

    assert default_storage.listdir("chat-imports")[1] == [Path(str(running.file.name)).name]


def test_a_large_file_is_imported_in_little_memory(tmp_path: Path) -> None:
    """In a process of its own, as its peak is what counts. The file is larger than what the import may take."""
    told = subprocess.run(  # noqa: S603  (our own module)
        [sys.executable, "-m", "tests.chats.transfer.measured", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    found = json.loads(told.stdout.splitlines()[-1])
    assert found["state"] == "done"
    assert found["file_mb"] > 2 * LIMIT_MB
    assert found["peak_mb"] - found["before_mb"] < LIMIT_MB
