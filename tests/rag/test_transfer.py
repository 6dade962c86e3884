"""Knowledge out as a ZIP and in again, and archives that mean harm."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from rag.errors import ImportRefused
from rag.models import Document, Knowledge, KnowledgeFolder, KnowledgeImport
from rag.services import imports
from rag.services import knowledge as service
from rag.services.exports import export_knowledge
from rag.services.imports import import_knowledge
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


def outcomes(made: KnowledgeImport) -> dict[str, str]:
    return {entry["name"]: entry.get("outcome") or entry["problem"] for entry in made.report}


def nothing_is_left() -> bool:
    return not (Document.objects.exists() or Knowledge.objects.exists() or KnowledgeFolder.objects.exists())


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

    made = import_knowledge(bob, io.BytesIO(archive), "x")

    assert outcomes(made) == {"notes.txt.txt": "taken"}


# ---- in --------------------------------------------------------------------------------------------


def test_an_export_comes_in_again_as_it_was(alice: User, bob: User) -> None:
    knowledge = make_knowledge(make_document(owner=alice, name="top.txt", text="top"), owner=alice, name="Harbour")
    service.add_document(
        knowledge, make_document(owner=alice, name="deep.txt", text="deep"), service.create_folder(knowledge, "a/b")
    )
    service.create_folder(knowledge, "empty")
    archive = io.BytesIO(b"".join(export_knowledge(knowledge, alice.pk)))

    made = import_knowledge(bob, archive, "x")

    assert outcomes(made) == {"top.txt": "taken", "deep.txt": "taken"}
    assert (made.knowledge.name, made.knowledge.owner) == ("Harbour", bob)
    assert [folder.path for folder in made.knowledge.folders.all()] == ["a", "a/b", "empty"]
    places = {m.document.name: m.folder.path if m.folder else "" for m in made.knowledge.memberships.all()}
    assert places == {"top.txt": "", "deep.txt": "a/b"}
    assert {document.owner for document in made.knowledge.documents.all()} == {bob}
    assert not made.knowledge.grants.exists()


def test_texts_alone_come_in_as_they_are_named(alice: User) -> None:
    made = import_knowledge(alice, zipped(("report.pdf.txt", b"One."), ("notes.md.txt", b"Two.")), "Peer")

    assert made.knowledge.name == "Peer"
    assert outcomes(made) == {"report.pdf.txt": "taken", "notes.md.txt": "taken"}


def test_a_file_that_the_person_has_already_is_not_stored_again(alice: User) -> None:
    import_knowledge(alice, zipped(("a.txt", b"One.")), "First")
    made = import_knowledge(alice, zipped(("b.txt", b"One.")), "Second")

    assert outcomes(made) == {"b.txt": "known"}
    assert Document.objects.count() == 1


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (("../../etc/evil.txt", b"x"), imports.UNSAFE_NAME),
        (("/etc/evil.txt", b"x"), imports.UNSAFE_NAME),
        (("a\\..\\evil.txt", b"x"), imports.UNSAFE_NAME),
        (("C:/evil.txt", b"x"), imports.UNSAFE_NAME),
        ((link("evil.txt"), b"/etc/passwd"), imports.LINK),
        (("evil.txt", b""), Problem.EMPTY),
        (("evil.exe", bytes(range(256)) * 20), Problem.UNSUPPORTED),
        (("evil.pdf", bytes(range(256)) * 20), Problem.BROKEN),
    ],
)
def test_what_cannot_be_taken_is_told_and_the_rest_goes_on(
    alice: User, entry: tuple[str | zipfile.ZipInfo, bytes], problem: str, data_folder: Path
) -> None:
    made = import_knowledge(alice, zipped(("good.txt", b"Good."), entry), "Mixed")

    assert [e.get("outcome") or e["problem"] for e in made.report] == ["taken", problem]
    assert [document.name for document in made.knowledge.documents.all()] == ["good.txt"]
    assert not list(data_folder.parent.rglob("evil*"))


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_name_that_comes_twice_is_taken_once(alice: User) -> None:
    made = import_knowledge(alice, zipped(("a.txt", b"First."), ("a.txt", b"Second.")), "Twice")

    assert [entry.get("outcome") or entry["problem"] for entry in made.report] == [imports.TWICE, "taken"]
    assert made.knowledge.documents.get().sha256 == hashlib.sha256(b"Second.").hexdigest()


def manifest_of(*documents: dict[str, object], **others: object) -> tuple[str, bytes]:
    manifest = {"format": "hearth-knowledge", "version": 1, "name": "M", "documents": list(documents), **others}
    return "manifest.json", json.dumps(manifest).encode()


def test_a_file_that_is_not_what_the_manifest_says_is_refused(alice: User) -> None:
    right, wrong = {"name": "a.txt", "original": "a"}, {"name": "b.txt", "original": "b", "sha256": "0" * 64}
    missing, unsafe = {"name": "c.txt", "original": "c"}, {"name": "d.txt", "original": "d", "folder": "../.."}
    files = [(name, name.encode() * 9) for name in "abd"]

    made = import_knowledge(alice, zipped(manifest_of(right, wrong, missing, unsafe), *files), "x")

    assert outcomes(made) == {
        "a.txt": "taken", "b.txt": imports.WRONG_CHECKSUM, "c.txt": imports.NOT_THERE, "d.txt": imports.UNSAFE_NAME,
    }  # fmt: skip


@pytest.mark.parametrize(
    "manifest",
    [
        ("manifest.json", b"{" * 100_000),
        ("manifest.json", b"[]"),
        manifest_of({"name": 7, "original": ["a"]}, "nonsense", folders="x", description=7, name=None),  # type: ignore[arg-type]
    ],
)
def test_a_manifest_that_is_nonsense_breaks_nothing(alice: User, manifest: tuple[str, bytes]) -> None:
    try:
        made = import_knowledge(alice, zipped(manifest, ("a.txt", b"One.")), "Named")
    except ImportRefused:
        assert nothing_is_left()
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
        (lambda: lying_directory(10**9), Problem.TOO_LARGE),
        (lambda: lying_directory(0xFFFFFFFF), Problem.BROKEN),
        (lambda: zipped(("bomb.txt", bytes(40_000_000))), Problem.TOO_LARGE),
        (lambda: zipped(*((f"{n}.txt", b"") for n in range(20_002))), Problem.TOO_LARGE),
        (lambda: zipped(("empty.txt", b"")), Problem.EMPTY),
        (lambda: zipped(manifest_of(version=2)), Problem.UNSUPPORTED),
    ],
)
def test_an_archive_that_means_harm_leaves_nothing(
    alice: User, make: Callable[[], io.BytesIO], problem: Problem
) -> None:
    with pytest.raises(ImportRefused) as refused:
        import_knowledge(alice, make(), "x")

    assert refused.value.problem == problem
    assert nothing_is_left()


def test_more_than_the_limit_is_refused(alice: User, settings: Settings) -> None:
    settings.HEARTH_MAX_IMPORT_MB = 1
    noise = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(40_000))

    with pytest.raises(ImportRefused):
        import_knowledge(alice, zipped(("a.txt", noise)), "x")


def test_an_import_that_breaks_off_leaves_nothing_new(
    alice: User, monkeypatch: pytest.MonkeyPatch, data_folder: Path
) -> None:
    import_knowledge(alice, zipped(("old.txt", b"Old.")), "Old")

    def break_off(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(imports, "_store", break_off)
    with pytest.raises(OSError, match="disk"):
        import_knowledge(alice, zipped(("old.txt", b"Old."), ("new.txt", b"New.")), "New")

    assert [document.name for document in Document.objects.all()] == ["old.txt"]
    assert len(list((data_folder / "uploads" / "documents").iterdir())) == 1
    assert not any((data_folder / "cache" / "uploads").iterdir())
