"""Knowledge out as a ZIP and in again, and archives that mean harm."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import File
from pytest_django.fixtures import Settings

from rag.errors import ImportRefused
from rag.imports import archive as archives
from rag.imports import taking
from rag.imports.taking import begin_import, go_on, stop_import
from rag.models import ARCHIVES_FOLDER, Document, Knowledge, KnowledgeFolder, KnowledgeImport
from rag.services import knowledge as service
from rag.services.documents import create_document, file_name
from rag.services.exports import export_knowledge
from rag.types import Problem
from tests.factories import make_document, make_knowledge
from webui.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_files(data_folder: Path) -> None:
    """Every test has a data folder of its own."""


def exported(knowledge: Knowledge, reader: User) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(export_knowledge(knowledge, reader.pk))))


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    file.seek(0)
    return file


def import_all(owner: User, file: io.BytesIO, name: str) -> KnowledgeImport:
    """Import an archive as the loop does, to its end."""
    begun = begin_import(owner, File(file), name)
    while go_on():
        pass
    begun.refresh_from_db()
    return begun


def outcomes(made: KnowledgeImport) -> dict[str, str]:
    return {file.name: file.outcome or file.problem for file in made.files.all()}


def archives_stored(data_folder: Path) -> list[Path]:
    folder = data_folder / "uploads" / ARCHIVES_FOLDER
    return list(folder.iterdir()) if folder.exists() else []


def nothing_is_left(data_folder: Path) -> bool:
    kinds = (Document, Knowledge, KnowledgeFolder, KnowledgeImport)
    return not any(kind.objects.exists() for kind in kinds) and not archives_stored(data_folder)


# ---- out -------------------------------------------------------------------------------------------


def test_an_export_holds_files_texts_and_a_manifest(alice: User) -> None:
    knowledge = make_knowledge(owner=alice, name="Harbour")
    service.describe_knowledge(knowledge, "Harbour", "All of it")
    reports = service.create_folder(knowledge, "Reports/2025")
    same_name = [make_document(owner=alice, name="a.txt", text=text) for text in ("first", "second")]
    for document in same_name:
        service.add_document(knowledge, document, reports)
    archive = exported(knowledge, alice)
    manifest = json.loads(archive.read("manifest.json"))

    assert archive.testzip() is None
    assert (manifest["name"], manifest["description"]) == ("Harbour", "All of it")
    assert manifest["folders"] == ["Reports", "Reports/2025"]
    assert [row["original"] for row in manifest["documents"]] == [
        "originals/Reports/2025/a.txt",
        "originals/Reports/2025/a (2).txt",
    ]
    for row, text in zip(manifest["documents"], (b"first", b"second"), strict=True):
        assert archive.read(row["original"]) == archive.read(row["text"]) == text
        assert row["sha256"] == hashlib.sha256(text).hexdigest()


def test_an_export_is_made_while_it_is_sent(alice: User) -> None:
    size = 3_000_000
    document = make_document(owner=alice, text="".join(chr(33 + (n * n) % 90) for n in range(size)))

    pieces = list(export_knowledge(make_knowledge(document, owner=alice), alice.pk))

    assert max(map(len, pieces)) < 2_000_000
    assert len(pieces) > 8


def test_what_is_taken_back_meanwhile_is_not_exported(alice: User, bob: User) -> None:
    first, second = make_document(owner=alice, name="first"), make_document(owner=alice, name="second")
    knowledge = make_knowledge(first, second, owner=alice, readers=[bob])
    export = export_knowledge(knowledge, bob.pk)
    pieces = [next(export)]
    service.revoke(knowledge.grants.get())

    archive = zipfile.ZipFile(io.BytesIO(b"".join([*pieces, *export])))

    assert [row["name"] for row in json.loads(archive.read("manifest.json"))["documents"]] == ["first"]
    assert not any("second" in name for name in archive.namelist())


def test_a_file_that_is_gone_is_exported_as_its_text(alice: User, bob: User) -> None:
    document = make_document(owner=alice, text="What was read from it.")
    document.file.delete(save=False)
    archive = b"".join(export_knowledge(make_knowledge(document, owner=alice), alice.pk))

    made = import_all(bob, io.BytesIO(archive), "x")

    assert outcomes(made) == {"notes.txt.txt": "taken"}


# ---- in --------------------------------------------------------------------------------------------


def test_an_export_comes_in_again_as_it_was(alice: User, bob: User) -> None:
    knowledge = make_knowledge(make_document(owner=alice, name="top.txt", text="top"), owner=alice, name="Harbour")
    service.add_document(
        knowledge, make_document(owner=alice, name="deep.txt", text="deep"), service.create_folder(knowledge, "a/b")
    )
    service.create_folder(knowledge, "empty")
    archive = io.BytesIO(b"".join(export_knowledge(knowledge, alice.pk)))

    made = import_all(bob, archive, "x")

    assert outcomes(made) == {"top.txt": "taken", "deep.txt": "taken"}
    assert (made.knowledge.name, made.knowledge.owner) == ("Harbour", bob)
    assert [folder.path for folder in made.knowledge.folders.all()] == ["a", "a/b", "empty"]
    places = {m.document.name: m.folder.path if m.folder else "" for m in made.knowledge.memberships.all()}
    assert places == {"top.txt": "", "deep.txt": "a/b"}
    assert {document.owner for document in made.knowledge.documents.all()} == {bob}
    assert not made.knowledge.grants.exists()


def test_texts_alone_are_called_as_the_files_that_they_are_of(alice: User) -> None:
    entries = [("report.pdf.txt", b"1."), ("a/notes.md.txt", b"2."), ("plain.TXT", b"3."), ("table.csv.txt", b"4.")]

    made = import_all(alice, zipped(*entries), "Peer")

    assert made.knowledge.name == "Peer"
    assert outcomes(made) == dict.fromkeys(["report.pdf", "notes.md", "plain.TXT", "table.csv.txt"], "taken")
    report = made.knowledge.documents.get(name="report.pdf")
    assert (report.media_type, file_name(report)) == ("text/plain", "report.pdf.txt")


def test_beside_other_files_a_text_keeps_its_name(alice: User) -> None:
    made = import_all(alice, zipped(("report.pdf.txt", b"One."), ("notes.md", b"Two.")), "Mixed")

    assert outcomes(made) == {"report.pdf.txt": "taken", "notes.md": "taken"}


def test_a_file_that_the_person_has_already_is_not_stored_again(alice: User) -> None:
    import_all(alice, zipped(("a.txt", b"One.")), "First")
    made = import_all(alice, zipped(("b.txt", b"One.")), "Second")

    assert outcomes(made) == {"b.txt": "known"}
    assert Document.objects.count() == 1


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (("../../etc/evil.txt", b"x"), archives.UNSAFE_NAME),
        (("/etc/evil.txt", b"x"), archives.UNSAFE_NAME),
        (("a\\..\\evil.txt", b"x"), archives.UNSAFE_NAME),
        (("C:/evil.txt", b"x"), archives.UNSAFE_NAME),
        ((link("evil.txt"), b"/etc/passwd"), archives.LINK),
        (("evil.txt", b""), Problem.EMPTY),
        (("evil.exe", bytes(range(256)) * 20), Problem.UNSUPPORTED),
        (("evil.pdf", bytes(range(256)) * 20), Problem.BROKEN),
    ],
)
def test_what_cannot_be_taken_is_told_and_the_rest_goes_on(
    alice: User, entry: tuple[str | zipfile.ZipInfo, bytes], problem: str, data_folder: Path
) -> None:
    made = import_all(alice, zipped(("good.txt", b"Good."), entry), "Mixed")

    assert [file.outcome or file.problem for file in made.files.all()] == ["taken", problem]
    assert [document.name for document in made.knowledge.documents.all()] == ["good.txt"]
    assert not list(data_folder.parent.rglob("evil*"))


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_name_that_comes_twice_is_taken_once(alice: User) -> None:
    made = import_all(alice, zipped(("a.txt", b"First."), ("a.txt", b"Second.")), "Twice")

    assert [file.outcome or file.problem for file in made.files.all()] == [archives.TWICE, "taken"]
    assert made.knowledge.documents.get().sha256 == hashlib.sha256(b"Second.").hexdigest()


def manifest_of(*documents: dict[str, object], **others: object) -> tuple[str, bytes]:
    manifest = {"format": "hearth-knowledge", "version": 1, "name": "M", "documents": list(documents), **others}
    return "manifest.json", json.dumps(manifest).encode()


def test_a_file_that_is_not_what_the_manifest_says_is_refused(alice: User) -> None:
    right, wrong = {"name": "a.txt", "original": "a"}, {"name": "b.txt", "original": "b", "sha256": "0" * 64}
    missing, unsafe = {"name": "c.txt", "original": "c"}, {"name": "d.txt", "original": "d", "folder": "../.."}
    files = [(name, name.encode() * 9) for name in "abd"]

    made = import_all(alice, zipped(manifest_of(right, wrong, missing, unsafe), *files), "x")

    assert outcomes(made) == {
        "a.txt": "taken", "b.txt": archives.WRONG_CHECKSUM, "c.txt": archives.NOT_THERE, "d.txt": archives.UNSAFE_NAME,
    }  # fmt: skip


@pytest.mark.parametrize(
    "manifest",
    [
        ("manifest.json", b"{" * 100_000),
        ("manifest.json", b"[]"),
        manifest_of({"name": 7, "original": ["a"]}, "nonsense", folders="x", description=7, name=None),  # type: ignore[arg-type]
    ],
)
def test_a_manifest_that_is_nonsense_breaks_nothing(
    alice: User, manifest: tuple[str, bytes], data_folder: Path
) -> None:
    try:
        made = import_all(alice, zipped(manifest, ("a.txt", b"One.")), "Named")
    except ImportRefused:
        assert nothing_is_left(data_folder)
    else:
        assert made.knowledge.name == "Named"
        assert made.knowledge.documents.filter(name="a.txt").exists()


# ---- refused as a whole ----------------------------------------------------------------------------


def lying_directory(size: int) -> io.BytesIO:
    content = bytearray(zipped(("a.txt", b"One.")).getvalue())
    struct.pack_into("<L", content, content.rindex(b"PK\x05\x06") + 12, size)
    return io.BytesIO(bytes(content))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: io.BytesIO(b""), Problem.BROKEN),
        (lambda: io.BytesIO(b"No archive at all." * 100), Problem.BROKEN),
        (lambda: io.BytesIO(zipped(("a.txt", b"One.")).getvalue()[:-30]), Problem.BROKEN),
        (lambda: io.BytesIO(zipped(("a.txt", b"One.")).getvalue().replace(b"a.txt", b"\0.txt")), Problem.BROKEN),
        (lambda: lying_directory(10**9), Problem.TOO_LARGE),
        (lambda: lying_directory(0xFFFFFFFF), Problem.BROKEN),
        (lambda: zipped(("bomb.txt", bytes(40_000_000))), Problem.TOO_LARGE),
        (lambda: zipped(*((f"{n}.txt", b"") for n in range(20_002))), Problem.TOO_LARGE),
        (lambda: zipped(("empty.txt", b"")), Problem.EMPTY),
        (lambda: zipped(manifest_of(version=2)), Problem.UNSUPPORTED),
    ],
)
def test_an_archive_that_means_harm_leaves_nothing(
    alice: User, make: Callable[[], io.BytesIO], problem: Problem, data_folder: Path
) -> None:
    with pytest.raises(ImportRefused) as refused:
        import_all(alice, make(), "x")

    assert refused.value.problem == problem
    assert nothing_is_left(data_folder)


def test_more_than_the_limit_is_refused(alice: User, settings: Settings) -> None:
    settings.HEARTH_MAX_IMPORT_MB = 1
    noise = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(40_000))

    with pytest.raises(ImportRefused):
        import_all(alice, zipped(("a.txt", noise)), "x")


# ---- what is stopped, cut off or deleted meanwhile -------------------------------------------------


def test_an_archive_is_kept_until_its_last_file_is_taken(alice: User, data_folder: Path) -> None:
    begun = begin_import(alice, File(zipped(("a.txt", b"One."))), "x")
    assert len(archives_stored(data_folder)) == 1

    while go_on():
        pass

    begun.refresh_from_db()
    assert (begun.state, begun.file.name) == ("done", "")
    assert archives_stored(data_folder) == []
    assert not any((data_folder / "cache" / "uploads").iterdir())


def damaged(file: io.BytesIO) -> io.BytesIO:
    """Return an archive of stored files whose bytes are others than they were."""
    return io.BytesIO(file.getvalue().replace(b"One.", b"Two."))


def stored_as_it_is(name: str, content: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file


@pytest.mark.parametrize(
    "make",
    [
        lambda: zipped(("evil.exe", bytes(range(256)) * 20), ("other.pdf", bytes(range(256)) * 20)),
        lambda: damaged(stored_as_it_is("a.txt", b"One.")),
        lambda: zipped(
            manifest_of(documents=[{"name": "a.txt", "original": "files/a", "sha256": "0" * 64}]), ("files/a", b"One.")
        ),
    ],
    ids=["no documents", "damaged", "other bytes than its list says"],
)
def test_an_archive_in_which_nothing_can_be_read_leaves_nothing(
    alice: User, make: Callable[[], io.BytesIO], data_folder: Path
) -> None:
    with pytest.raises(ImportRefused) as refused:
        begin_import(alice, File(make()), "x")

    assert refused.value.problem == Problem.EMPTY
    assert nothing_is_left(data_folder)
    assert not any((data_folder / "cache" / "uploads").iterdir())


def test_one_readable_file_is_enough(alice: User) -> None:
    made = import_all(alice, zipped(("evil.exe", bytes(range(256)) * 20), ("a.txt", b"One.")), "x")

    assert made.state == "done"
    assert outcomes(made) == {"evil.exe": Problem.UNSUPPORTED, "a.txt": "taken"}


def test_archives_are_gone_on_with_in_turn(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "STEP_S", 0.0)
    long = begin_import(alice, File(zipped(*((f"{n}.txt", b"%d" % n) for n in range(5)))), "long")
    short = begin_import(bob, File(zipped(("a.txt", b"One."))), "short")

    order = []
    for _ in range(4):
        before = {one.pk: one.files.count() for one in (long, short)}
        assert go_on()
        order += [one.pk for one in (long, short) if one.files.count() > before[one.pk]]

    assert short.pk in order[:2]


def test_stopping_keeps_what_was_taken(alice: User, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = begin_import(alice, File(zipped(*((f"{n}.txt", b"%d" % n) for n in range(3)))), "x")
    take = taking._take

    def take_and_stop(*args: Any) -> bool:
        was_taken = take(*args)
        stop_import(begun)
        return was_taken

    monkeypatch.setattr(taking, "_take", take_and_stop)
    while go_on():
        pass

    begun.refresh_from_db()
    assert begun.state == "stopped"
    assert [document.name for document in begun.knowledge.documents.all()] == ["0.txt"]
    assert archives_stored(data_folder) == []


def test_a_knowledge_that_is_deleted_meanwhile_takes_its_import_along(
    alice: User, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = begin_import(alice, File(zipped(("0.txt", b"0"), ("1.txt", b"1"))), "x")
    take = taking._take

    def take_and_delete(*args: Any) -> bool:
        was_taken = take(*args)
        service.delete_knowledge(begun.knowledge, with_documents=True)
        return was_taken

    monkeypatch.setattr(taking, "_take", take_and_delete)
    while go_on():
        pass

    assert nothing_is_left(data_folder)


def test_a_file_that_ends_the_process_each_time_is_left_out(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = begin_import(alice, File(zipped(("good.txt", b"Good."), ("evil.txt", b"Evil."))), "x")
    taken: list[str] = []

    def take(_owner: object, upload: File[bytes], **together: Any) -> Document:
        taken.append(str(upload.name))
        if upload.name == "evil.txt":
            raise MemoryError
        return create_document(alice, upload, **together)

    monkeypatch.setattr(taking, "create_document", take)
    for _ in range(taking.MAX_ATTEMPTS):
        with pytest.raises(MemoryError):
            go_on()
    while go_on():
        pass

    begun.refresh_from_db()
    assert taken == ["good.txt", *["evil.txt"] * taking.MAX_ATTEMPTS]
    assert outcomes(begun) == {"good.txt": "taken", "evil.txt": Problem.CRASHED}
    assert begun.state == "done"


@pytest.mark.django_db(transaction=True)  # the database looks for the folder when all is committed
def test_a_folder_that_is_deleted_meanwhile_is_made_again(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = begin_import(alice, File(zipped(*((f"part/{n}.txt", b"%d" % n) for n in range(3)))), "x")
    take = taking._take

    def take_and_delete(*args: Any) -> bool:
        was_taken = take(*args)
        begun.knowledge.folders.all().delete()
        return was_taken

    monkeypatch.setattr(taking, "_take", take_and_delete)
    for _ in range(2):
        go_on()
    monkeypatch.setattr(taking, "_take", take)
    while go_on():
        pass

    assert outcomes(begun) == {f"{n}.txt": "taken" for n in range(3)}
    assert begun.knowledge.folders.get().path == "part"


def test_an_archive_that_is_gone_ends_the_import(alice: User, data_folder: Path) -> None:
    begun = begin_import(alice, File(zipped(("a.txt", b"One."))), "x")
    for stored in archives_stored(data_folder):
        stored.unlink()

    while go_on():
        pass

    begun.refresh_from_db()
    assert (begun.state, begun.error) == ("failed", Problem.BROKEN)


def test_a_document_and_its_place_are_stored_together(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_import(alice, File(zipped(("a.txt", b"One."))), "x")

    def break_off(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(taking, "add_document", break_off)
    with pytest.raises(OSError, match="disk"):
        go_on()

    assert not Document.objects.exists()


def test_what_no_import_knows_of_is_found_when_it_is_old(alice: User, data_folder: Path) -> None:
    begin_import(alice, File(zipped(("a.txt", b"One."))), "x")
    folder = data_folder / "uploads" / ARCHIVES_FOLDER
    for name, age_s in (("old", 3600), ("young", 1)):
        (folder / name).write_bytes(b"PK")
        os.utime(folder / name, (time.time() - age_s,) * 2)

    assert taking.left_over_archives() == [f"{ARCHIVES_FOLDER}/old"]
