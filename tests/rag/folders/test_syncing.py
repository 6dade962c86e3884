"""Files that come, change, move and go, and the documents that follow. Real files, index and steps of the loop."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.http import Http404
from pytest_django.fixtures import Settings

from rag import access, queries, retrieval
from rag.errors import FolderConnected, FolderRefused, FolderUnusable
from rag.folders import copying, leaving, loop, noting, opening
from rag.folders.loop import FolderHand, keep_step
from rag.lexical.entries import n_entries
from rag.models import (
    Chunk,
    Document,
    GoldenQuestion,
    Knowledge,
    KnowledgeFolder,
    Membership,
    Removal,
    SyncedFile,
    SyncedFolder,
)
from rag.services import knowledge as knowledge_service
from rag.services.documents import create_document
from rag.services.synced_folders import (
    connect_folder,
    disconnect_folder,
    pause_folder,
    rescan_folder,
    resume_folder,
)
from rag.types import FolderProblem, LeftOut, Problem
from tests.doubles.embedder import FakeEmbedder
from tests.factories import make_chat, make_knowledge, make_message
from tests.rag.fixtures import ingest_all
from webui.accounts.models import User

pytestmark = pytest.mark.usefixtures("shared_database", "embedder")

LONG_AGO = 1_700_000_000


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noting, "GRACE_S", 0.0)


@pytest.fixture
def knowledge(alice: User) -> Knowledge:
    return make_knowledge(owner=alice)


@pytest.fixture
def connect(knowledge: Knowledge, root: User, shelf: Path) -> Callable[..., SyncedFolder]:
    def connected(path: Path = shelf, **choice: list[str]) -> SyncedFolder:
        folder = connect_folder(knowledge, str(path), by=root, **choice)
        keep(folder)
        return folder

    return connected


def put(path: Path, content: str, at: int = LONG_AGO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (at, at))
    return path


def step(folder: SyncedFolder, hand: FolderHand | None = None) -> float | None:
    return asyncio.run(keep_step(folder.pk, hand or FolderHand()))


def keep(folder: SyncedFolder, n_looks: int = 2) -> None:
    """Do what the loops do, with a number of looks at the folder, until nothing is left to do."""
    for _ in range(n_looks):
        hand = FolderHand()
        while step(folder, hand) == 0:
            ingest_all()
        ingest_all()
        while step(folder, hand) == 0:
            pass
    if SyncedFolder.objects.filter(pk=folder.pk).exists():
        folder.refresh_from_db()


def contents(knowledge: Knowledge) -> dict[str, str]:
    """Return the state of each document by its place in the knowledge."""
    members = Membership.objects.filter(knowledge=knowledge).select_related("document", "folder")
    return {f"{m.folder.path if m.folder else ''}/{m.document.name}": m.document.state for m in members}


def answers(user: User, knowledge: Knowledge, question: str) -> list[str]:
    found = asyncio.run(
        retrieval.retrieve(question=question, user_id=user.pk, document_ids=[], knowledge_ids=[knowledge.pk])
    )
    return [passage.text for passage in found.passages]


# ---- coming --------------------------------------------------------------------------------------


def test_files_become_documents_in_folders_of_the_same_names(
    alice: User, knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "readme.md", "The lighthouse was built in 1902.")
    put(shelf / "Reports" / "2025" / "locks.txt", "Locker 7 belongs to Ada.")
    put(shelf / "film.mp4", "frames")
    (shelf / "out").symlink_to(shelf.parent / "secret")

    folder = connect()

    assert contents(knowledge) == {
        "handbook/readme.md": "ready", "handbook/Reports/2025/locks.txt": "ready",
    }  # fmt: skip
    assert "Locker 7" in answers(alice, knowledge, "Whose is locker 7?")[0]
    assert (folder.n_files, folder.problem) == (2, "")
    assert folder.left_out == {LeftOut.UNSUPPORTED: 1, LeftOut.LINK_OUT: 1}
    assert folder.fingerprint


def test_readers_of_the_knowledge_see_no_path_of_the_server(
    alice: User, bob: User, knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "sub" / "readme.md", "The lighthouse was built in 1902.")
    connect()
    knowledge_service.grant(knowledge, user=bob)

    document = queries.readable_documents(bob).get()
    shown = json.dumps(
        [document.name, document.file.name, [f.path for f in knowledge.folders.all()], answers(bob, knowledge, "1902")]
    )

    assert str(shelf.parent) not in shown
    assert "sub" in shown


def test_synced_documents_are_changed_by_their_folder_alone(
    alice: User, knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "readme.md", "The lighthouse was built in 1902.")
    connect()
    document = Document.objects.get()
    membership = Membership.objects.get()

    assert document.is_synced
    assert document not in queries.documents_of(alice)
    with pytest.raises(Http404):
        access.document_write(alice, document.uuid)
    knowledge_service.remove_documents(knowledge, [membership])
    knowledge_service.move_documents(knowledge, [membership], None)
    with pytest.raises(FolderRefused):
        knowledge_service.rename_folder(knowledge.folders.get(), "other")
    with pytest.raises(FolderRefused):
        knowledge_service.delete_folder(knowledge.folders.get())
    assert contents(knowledge) == {"handbook/readme.md": "ready"}


def test_equal_files_are_one_document_and_embedded_once(
    knowledge: Knowledge, shelf: Path, embedder: FakeEmbedder, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "b.txt", "The lighthouse was built in 1902.")
    put(shelf / "a" / "a.txt", "The lighthouse was built in 1902.")
    folder = connect()

    assert contents(knowledge) == {"handbook/a/a.txt": "ready"}
    assert len([text for text in embedder.texts if "lighthouse" in text]) == 1

    (shelf / "a" / "a.txt").unlink()
    keep(folder, 3)

    assert contents(knowledge) == {"handbook/b.txt": "ready"}
    assert [row.path for row in KnowledgeFolder.objects.all()] == ["handbook", "handbook/a"]


def test_an_own_upload_of_the_same_file_stays_apart(
    alice: User, knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    from django.core.files.base import ContentFile

    own = create_document(alice, ContentFile(b"The lighthouse was built in 1902.", name="own.txt"))
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    folder = connect()

    assert Document.objects.count() == 2

    disconnect_folder(folder, keep_documents=False)
    keep(folder)

    assert list(Document.objects.all()) == [own]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [("a.pdf", b"\x00\x01nothing of the kind", Problem.BROKEN), ("noending", b"\x00\x01", Problem.UNSUPPORTED)],
)
def test_a_file_that_cannot_be_taken_says_why_and_is_not_read_again(
    knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder], name: str, content: bytes, problem: str
) -> None:
    put(shelf / "good.txt", "The lighthouse was built in 1902.")
    put(shelf / name, "").write_bytes(content)
    os.utime(shelf / name, (LONG_AGO, LONG_AGO))

    folder = connect()

    row = folder.files.get(path=name)
    assert (row.problem, row.is_waiting, row.document) == (problem, False, None)
    assert contents(knowledge) == {"handbook/good.txt": "ready"}


def test_deep_folders_end_at_the_deepest_that_a_knowledge_has(
    knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf.joinpath(*"abcdefghij") / "deep.txt", "The lighthouse was built in 1902.")

    connect()

    assert list(contents(knowledge)) == ["handbook/a/b/c/d/e/f/g/deep.txt"]


# ---- changing ------------------------------------------------------------------------------------


def test_the_old_text_answers_until_the_new_one_is_ready(
    alice: User, knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    folder = connect()
    old = Document.objects.get()

    put(shelf / "a.txt", "The lighthouse was built in 1911, they say.", at=LONG_AGO + 1)
    hand = FolderHand()
    step(folder, hand)
    while step(folder, hand) == 0:
        pass

    assert Document.objects.count() == 2
    assert answers(alice, knowledge, "When was the lighthouse built?") == ["The lighthouse was built in 1902."]

    ingest_all()
    while step(folder, hand) == 0:
        pass

    assert answers(alice, knowledge, "When was the lighthouse built?") == [
        "The lighthouse was built in 1911, they say."
    ]
    assert contents(knowledge) == {"handbook/a.txt": "ready"}
    assert not Document.objects.filter(pk=old.pk).exists()
    assert not Removal.objects.exists()
    assert Chunk.objects.count() == n_entries() == 1


def test_what_refers_to_a_file_refers_to_its_new_version(
    alice: User, knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    put(shelf / "same.txt", "The lighthouse was built in 1902.")
    folder = connect()
    old = Document.objects.get()
    message = make_message(make_chat(owner=alice))
    message.documents.add(old)
    question = GoldenQuestion.objects.create(
        knowledge=knowledge, question="When?", document=old, document_name=old.name, made_by=alice
    )

    put(shelf / "a.txt", "The lighthouse was built in 1911.", at=LONG_AGO + 1)
    keep(folder)

    assert Document.objects.count() == 2
    assert message.documents.get() == old

    put(shelf / "same.txt", "The lighthouse was built in 1920.", at=LONG_AGO + 2)
    keep(folder)

    new = SyncedFile.objects.get(path="same.txt").document
    question.refresh_from_db()
    assert message.documents.get() == question.document == new
    assert not Document.objects.filter(pk=old.pk).exists()


def test_the_owner_of_the_knowledge_reads_one_version_at_a_time(
    alice: User, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    folder = connect()
    put(shelf / "a.txt", "The lighthouse was built in 1911.", at=LONG_AGO + 1)
    hand = FolderHand()
    step(folder, hand)
    ingest_all()

    assert Document.objects.filter(state="ready").count() == 2
    assert queries.readable_documents(alice).get() == folder.files.get().document


def test_a_new_version_that_cannot_be_read_leaves_the_old_one(
    alice: User, knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "a.pdf", "The lighthouse was built in 1902.")
    folder = connect()

    put(shelf / "a.pdf", "%PDF-1.4 nothing of the kind", at=LONG_AGO + 1)
    keep(folder)

    row = folder.files.select_related("next_document").get()
    assert row.next_document is not None
    assert row.next_document.has_failed
    assert answers(alice, knowledge, "When was the lighthouse built?") == ["The lighthouse was built in 1902."]

    put(shelf / "a.pdf", "The lighthouse was built in 1911.", at=LONG_AGO + 2)
    keep(folder)

    assert answers(alice, knowledge, "When was the lighthouse built?") == ["The lighthouse was built in 1911."]
    assert Document.objects.count() == 1


def test_a_file_that_was_only_touched_is_not_embedded_again(
    shelf: Path, embedder: FakeEmbedder, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    folder = connect()
    document, n_texts = Document.objects.get(), len(embedder.texts)

    put(shelf / "a.txt", "The lighthouse was built in 1902.", at=LONG_AGO + 1)
    keep(folder)

    assert Document.objects.get() == document
    assert len(embedder.texts) == n_texts
    assert folder.fingerprint


def test_a_file_that_moves_keeps_its_document(
    knowledge: Knowledge, shelf: Path, embedder: FakeEmbedder, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    folder = connect()
    document, n_texts = Document.objects.get(), len(embedder.texts)

    (shelf / "new").mkdir()
    (shelf / "a.txt").rename(shelf / "new" / "b.txt")
    keep(folder, 1)

    assert contents(knowledge) == {"handbook/new/b.txt": "ready"}
    assert Document.objects.get() == document
    assert len(embedder.texts) == n_texts
    assert [row.path for row in SyncedFile.objects.all()] == ["new/b.txt"]


def test_a_file_that_was_copied_elsewhere_and_deleted_is_not_embedded_again(
    knowledge: Knowledge, shelf: Path, embedder: FakeEmbedder, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    folder = connect()
    n_texts = len(embedder.texts)

    put(shelf / "b.txt", "The lighthouse was built in 1902.", at=LONG_AGO + 5)
    (shelf / "a.txt").unlink()
    keep(folder, 3)

    assert contents(knowledge) == {"handbook/b.txt": "ready"}
    assert len(embedder.texts) == n_texts


def test_a_file_that_is_being_written_waits(
    knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shelf / "a.txt", "The lighthouse was", at=int(time.time()) + 1)
    folder = connect()

    assert contents(knowledge) == {}
    assert folder.fingerprint == ""

    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    keep(folder)

    assert contents(knowledge) == {"handbook/a.txt": "ready"}


@pytest.mark.parametrize("swap", ["link", "pipe", "written to"])
def test_what_is_put_in_a_files_place_before_it_is_copied_is_not_read(
    knowledge: Knowledge, shelf: Path, root: User, swap: str
) -> None:
    path = put(shelf / "a.txt", "The lighthouse was built in 1902.")
    folder = connect_folder(knowledge, str(shelf), by=root)
    noting.note_listing(folder, noting.look(folder), 0.0)

    path.unlink()
    match swap:
        case "link":
            path.symlink_to(shelf.parent / "secret" / "salaries.txt")
        case "pipe":
            os.mkfifo(path)
        case _:
            put(path, "The lighthouse was built in 1902. And", at=LONG_AGO + 3)
    copying.take_in(folder)

    assert not Document.objects.exists()
    assert not list((shelf.parents[1] / "data").rglob("*.upload*"))
    row = folder.files.get()
    assert (row.problem, row.is_waiting) == ("" if swap == "written to" else Problem.NO_ACCESS, False)
    if swap == "written to":
        keep(folder)
        assert contents(knowledge) == {"handbook/a.txt": "ready"}
        assert folder.fingerprint


# ---- going ---------------------------------------------------------------------------------------


def test_a_file_that_is_gone_goes_after_a_grace(
    knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    put(shelf / "sub" / "b.txt", "Locker 7 belongs to Ada.")
    folder = connect()
    stored = [Path(d.file.path) for d in Document.objects.all()]
    monkeypatch.setattr(noting, "GRACE_S", 60.0)

    (shelf / "sub" / "b.txt").unlink()
    keep(folder, 3)

    assert len(contents(knowledge)) == 2

    put(shelf / "sub" / "b.txt", "Locker 7 belongs to Ada.")
    keep(folder)

    assert folder.files.filter(missing_at=None).count() == 2

    (shelf / "sub" / "b.txt").unlink()
    keep(folder, 1)
    monkeypatch.setattr(noting, "GRACE_S", 0.0)
    keep(folder)

    assert contents(knowledge) == {"handbook/a.txt": "ready"}
    assert [row.path for row in knowledge.folders.all()] == ["handbook"]
    assert [path.exists() for path in stored].count(True) == 1
    assert not Removal.objects.exists()
    assert folder.fingerprint


@pytest.mark.parametrize("vanish", ["root", "content", "most"])
def test_a_disk_that_vanishes_takes_nothing_along(
    alice: User,
    knowledge: Knowledge,
    shelf: Path,
    connect: Callable[..., SyncedFolder],
    vanish: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(noting, "MANY_FILES", 3)
    for number in range(5):
        put(shelf / f"{number}.txt", f"Locker {number} belongs to Ada.")
    folder = connect()
    away = shelf.parent / "away"
    away.mkdir()

    if vanish == "root":
        shelf.rename(away / "root")
    else:
        for path in sorted(shelf.iterdir())[: 5 if vanish == "content" else 3]:
            path.rename(away / path.name)
    keep(folder, 3)

    assert len(contents(knowledge)) == 5
    assert folder.problem == (FolderProblem.GONE if vanish == "root" else FolderProblem.MANY_GONE)

    if vanish == "root":
        (away / "root").rename(shelf)
        keep(folder)
        assert (len(contents(knowledge)), folder.problem) == (5, "")
    else:
        rescan_folder(folder, accepts_missing=True)
        keep(folder)
        assert (len(contents(knowledge)), folder.problem) == (0 if vanish == "content" else 2, "")


def test_a_disk_that_vanishes_within_the_folder_takes_nothing_along(
    knowledge: Knowledge,
    shelf: Path,
    connect: Callable[..., SyncedFolder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(noting, "MANY_FILES", 2)
    for number in range(4):
        put(shelf / f"{number}.txt", f"Locker {number} belongs to Ada.")
    for number in (5, 6):
        put(shelf / "disk" / "sub" / f"{number}.txt", f"Locker {number} belongs to Ada.")
    folder = connect()

    (shelf / "disk" / "sub").rename(shelf.parent / "away")
    keep(folder, 3)

    assert (folder.problem, len(contents(knowledge))) == (FolderProblem.MANY_GONE, 6)

    (shelf / "disk").rmdir()
    keep(folder, 3)

    assert (folder.problem, len(contents(knowledge))) == ("", 4)


def test_what_lies_in_a_folder_that_cannot_be_read_stays(
    knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    put(shelf / "closed" / "b.txt", "Locker 7 belongs to Ada.")
    folder = connect()
    subfolder = opening.opened_subfolder

    def refusing(above: int, name: str) -> int:
        if name == "closed":
            raise PermissionError(13, "Permission denied")
        return subfolder(above, name)

    monkeypatch.setattr(opening, "opened_subfolder", refusing)
    keep(folder, 3)

    assert len(contents(knowledge)) == 2
    assert folder.left_out == {LeftOut.UNREADABLE: 1}


# ---- what people do with it ----------------------------------------------------------------------


def test_a_folder_is_connected_once_and_none_within_another(
    knowledge: Knowledge, root: User, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    (shelf / "sub").mkdir()
    connect(shelf / "sub")

    for path in (shelf, shelf / "sub", shelf / "sub" / ".."):
        with pytest.raises(FolderConnected):
            connect_folder(knowledge, str(path), by=root)
    with pytest.raises(FolderUnusable):
        connect_folder(knowledge, str(shelf.parent / "secret"), by=root)


def test_the_name_of_a_folder_does_not_meet_one_that_is_there(
    knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    knowledge_service.create_folder(knowledge, "handbook/by hand")
    put(shelf / "a.txt", "The lighthouse was built in 1902.")

    folder = connect()

    assert folder.name == "handbook 2"
    assert list(contents(knowledge)) == ["handbook 2/a.txt"]


def test_a_paused_folder_is_not_looked_at(
    knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    folder = connect()
    pause_folder(folder)
    put(shelf / "b.txt", "Locker 7 belongs to Ada.")

    keep(folder)

    assert list(contents(knowledge)) == ["handbook/a.txt"]

    resume_folder(folder)
    keep(folder)

    assert sorted(contents(knowledge)) == ["handbook/a.txt", "handbook/b.txt"]


def test_disconnecting_removes_the_documents_or_leaves_them_as_ordinary_ones(
    alice: User,
    knowledge: Knowledge,
    shelf: Path,
    connect: Callable[..., SyncedFolder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leaving, "BATCH", 2)
    for number in range(leaving.BATCH + 1):
        put(shelf / "sub" / f"{number}.txt", f"Locker {number} belongs to Ada.")
    folder = connect()

    disconnect_folder(folder, keep_documents=True)
    keep(folder)

    assert not SyncedFolder.objects.exists()
    assert len(contents(knowledge)) == queries.documents_of(alice).count() == leaving.BATCH + 1

    folder = connect()

    assert len(contents(knowledge)) == 2 * (leaving.BATCH + 1)

    disconnect_folder(folder, keep_documents=False)
    keep(folder)

    assert not SyncedFolder.objects.exists()
    assert not SyncedFile.objects.exists()
    assert len(contents(knowledge)) == Document.objects.count() == leaving.BATCH + 1
    assert not Removal.objects.exists()


def test_with_its_knowledge_a_folder_and_its_documents_go(
    knowledge: Knowledge, shelf: Path, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    folder = connect()

    knowledge_service.delete_knowledge(knowledge)
    keep(folder)

    assert not SyncedFolder.objects.exists()
    assert not Document.objects.exists()
    assert n_entries() == 0


def test_a_folder_that_is_no_longer_allowed_is_not_read(
    knowledge: Knowledge, shelf: Path, settings: Settings, connect: Callable[..., SyncedFolder]
) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    folder = connect()
    settings.HEARTH_FOLDERS = ()

    keep(folder)

    assert folder.problem == FolderProblem.OFF
    assert contents(knowledge) == {"handbook/a.txt": "ready"}


# ---- bounds --------------------------------------------------------------------------------------


def test_what_is_copied_does_not_run_ahead_of_what_is_indexed(knowledge: Knowledge, shelf: Path, root: User) -> None:
    for number in range(120):
        put(shelf / f"{number}.txt", f"Locker {number} belongs to Ada.")
    folder = connect_folder(knowledge, str(shelf), by=root)
    hand = FolderHand()

    while step(folder, hand) == 0:
        pass

    assert (Document.objects.count(), folder.files.count()) == (copying.MAX_UNFINISHED, 120)


def test_a_full_disk_stops_the_copying_and_says_so(
    knowledge: Knowledge, shelf: Path, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    folder = connect_folder(knowledge, str(shelf), by=root)
    monkeypatch.setattr(copying, "RESERVE_BYTES", 10**18)

    keep(folder, 3)

    assert (folder.problem, contents(knowledge)) == (FolderProblem.DISK_FULL, {})

    monkeypatch.setattr(copying, "RESERVE_BYTES", 0)
    keep(folder)

    assert (folder.problem, contents(knowledge)) == ("", {"handbook/a.txt": "ready"})


def test_a_disk_that_never_answers_holds_up_nobody(
    knowledge: Knowledge, shelf: Path, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = connect_folder(knowledge, str(shelf), by=root)
    os.mkfifo(shelf / "pipe")
    monkeypatch.setattr(loop, "STEP_TIMEOUT_S", 0.05)
    looks = []

    def never(folder: SyncedFolder) -> float:
        looks.append(folder)
        with (shelf / "pipe").open():
            return 0.0

    monkeypatch.setattr(loop, "_look", never)
    hand = FolderHand()
    try:
        step(folder, hand)
        step(folder, hand)
        folder.refresh_from_db()

        # The thread that hangs is not joined by a second one.
        assert (folder.problem, len(looks)) == (FolderProblem.NO_ANSWER, 1)
    finally:
        with (shelf / "pipe").open("w"):
            pass


def test_at_rest_a_look_reads_no_row_of_a_file(shelf: Path, connect: Callable[..., SyncedFolder]) -> None:
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    folder = connect()
    listing = noting.look(folder)

    with connection.execute_wrapper(_refuse_files):
        noting.note_listing(folder, listing, 0.0)


def _refuse_files(execute: Callable[..., object], sql: str, *rest: object) -> object:
    assert "rag_syncedfile" not in sql
    return execute(sql, *rest)
