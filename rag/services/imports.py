"""A new knowledge out of a ZIP: one that `exports` made, one of texts alone (`name.pdf.txt`), or any other of files.

Nothing is unpacked into a folder: an entry is copied to a nameless file of its own, checked, and taken in as an upload
is. The knowledge is made when all of them are in; if anything goes wrong before, the documents made so far go again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from django.core.files.base import File
from django.db import transaction

from rag import conf
from rag.errors import FolderRefused, ImportRefused, UploadRefused
from rag.extraction.archives import is_bomb
from rag.models import DESCRIPTION_MAX_LENGTH, KNOWLEDGE_NAME_MAX_LENGTH, Document, Knowledge, KnowledgeImport
from rag.services.documents import clean_name, create_document, delete_document
from rag.services.exports import FORMAT, MANIFEST, VERSION
from rag.services.knowledge import add_document, create_folder, create_knowledge
from rag.types import Problem

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

logger = logging.getLogger(__name__)

MAX_FILES = 10_000
MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
_BLOCK_BYTES = 256 * 1024
_ENCRYPTED = 0x1

# Why an entry was not taken, beside the problems of uploads.
UNSAFE_NAME = "unsafe_name"
LINK = "link"
TWICE = "twice"
WRONG_CHECKSUM = "wrong_checksum"
NOT_THERE = "not_there"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A file to take in. `sha256` is empty when nothing says what it should be."""

    entry: str
    name: str
    folder: str
    sha256: str = ""


class _NotTaken(Exception):
    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def import_knowledge(owner: AbstractBaseUser, file: IO[bytes], name: str) -> KnowledgeImport:
    """Return the report of an import, with its new knowledge.

    Args:
        name: What the knowledge is called when the archive does not say.

    Raises:
        ImportRefused: Nothing is left of it.
    """
    archive = _opened(file)
    with archive:
        entries = {info.filename: info for info in archive.infolist() if not info.is_dir()}
        manifest = _manifest(archive, entries)
        report: list[dict[str, str]] = list(_doubles(archive))
        made: list[Document] = []
        taken: list[tuple[Document, str]] = []
        try:
            for wanted in _wanted(manifest, entries):
                try:
                    document, is_new = _take(owner, archive, entries, wanted)
                except _NotTaken as exc:
                    report.append({"name": wanted.name, "folder": wanted.folder, "problem": exc.problem})
                    continue
                if is_new:
                    made.append(document)
                taken.append((document, wanted.folder))
                outcome = "taken" if is_new else "known"
                report.append({"name": wanted.name, "folder": wanted.folder, "outcome": outcome})
            if not taken:
                raise ImportRefused(Problem.EMPTY)
            return _store(owner, manifest, name, taken, report)
        except BaseException:
            for document in made:
                delete_document(document)
            raise


def _opened(file: IO[bytes]) -> zipfile.ZipFile:
    try:
        if _directory_bytes(file) > MAX_DIRECTORY_BYTES:
            raise ImportRefused(Problem.TOO_LARGE)
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as exc:
        raise ImportRefused(Problem.BROKEN) from exc
    infos = archive.infolist()
    if len(infos) > MAX_FILES * 2 + 1 or is_bomb(infos) or sum(i.file_size for i in infos) > conf.max_import_bytes():
        raise ImportRefused(Problem.TOO_LARGE)
    return archive


def _directory_bytes(file: IO[bytes]) -> int:
    """Return how long an archive's list of entries says it is, before anything reads it into memory.

    Source: APPNOTE.TXT 6.3.10, 4.3.14 to 4.3.16, the records at the end.
    """
    size = file.seek(0, 2)
    tail_start = max(0, size - 65_557)
    file.seek(tail_start)
    tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0:
        raise zipfile.BadZipFile("no end record")
    (directory_bytes,) = struct.unpack_from("<L", tail, end + 12)
    if directory_bytes == 0xFFFFFFFF and end >= 20:
        (record,) = struct.unpack_from("<Q", tail, end - 20 + 8)
        file.seek(record)
        (directory_bytes,) = struct.unpack_from("<Q", file.read(56), 40)
    file.seek(0)
    return int(directory_bytes)


def _doubles(archive: zipfile.ZipFile) -> Iterator[dict[str, str]]:
    """Yield a line of the report for each name that comes more than once; the last of them counts."""
    seen: set[str] = set()
    for info in archive.infolist():
        if info.filename in seen:
            yield {"name": clean_name(info.filename)[:255], "folder": "", "problem": TWICE}
        seen.add(info.filename)


def _manifest(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> dict[str, Any] | None:
    """Return the manifest of an export of ours; None when the archive is another one."""
    info = entries.get(MANIFEST)
    if info is None or info.file_size > MAX_MANIFEST_BYTES:
        return None
    try:
        manifest = json.loads(archive.read(info))
    except (ValueError, RecursionError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError):
        return None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return None
    if manifest.get("version") != VERSION or not isinstance(manifest.get("documents"), list):
        raise ImportRefused(Problem.UNSUPPORTED)
    return manifest


def _wanted(manifest: dict[str, Any] | None, entries: dict[str, zipfile.ZipInfo]) -> Iterator[_Wanted]:
    if manifest is None:
        for path in list(entries)[:MAX_FILES]:
            folder, _, name = path.replace("\\", "/").rpartition("/")
            yield _Wanted(entry=path, name=name, folder=folder)
        return
    for row in manifest["documents"][:MAX_FILES]:
        if not isinstance(row, dict):
            continue
        name, folder, sha256 = (_text(row, key) for key in ("name", "folder", "sha256"))
        if original := _text(row, "original"):
            yield _Wanted(entry=original, name=name, folder=folder, sha256=sha256)
        elif text := _text(row, "text"):
            # The file itself was gone when this was exported.
            yield _Wanted(entry=text, name=f"{name}.txt", folder=folder)


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""


def _take(
    owner: AbstractBaseUser, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], wanted: _Wanted
) -> tuple[Document, bool]:
    """Return the document of an entry, and whether it is new."""
    info = entries.get(wanted.entry)
    if info is None:
        raise _NotTaken(NOT_THERE)
    _refuse_unsafe(info)
    if _is_unsafe(f"{wanted.folder}/{wanted.name}".strip("/")):
        raise _NotTaken(UNSAFE_NAME)
    with tempfile.TemporaryFile(dir=conf.temporary_folder()) as copy:
        digest = _copy(archive, info, copy)
        if wanted.sha256 and wanted.sha256.lower() != digest:
            raise _NotTaken(WRONG_CHECKSUM)
        existing = Document.objects.filter(owner_id=owner.pk, sha256=digest, synced_folder=None).exists()
        try:
            return create_document(owner, File(copy, name=wanted.name)), not existing
        except UploadRefused as exc:
            raise _NotTaken(exc.problem) from exc


def _refuse_unsafe(info: zipfile.ZipInfo) -> None:
    if stat.S_ISLNK(info.external_attr >> 16):
        raise _NotTaken(LINK)
    if _is_unsafe(info.filename):
        raise _NotTaken(UNSAFE_NAME)
    if info.flag_bits & _ENCRYPTED:
        raise _NotTaken(Problem.PASSWORD)
    if info.file_size > conf.max_upload_bytes():
        raise _NotTaken(Problem.TOO_LARGE)


def _is_unsafe(path: str) -> bool:
    """Whether a path would lead out of the folder it is unpacked in, on any system."""
    parts = path.replace("\\", "/").split("/")
    return path.startswith(("/", "\\")) or ".." in parts or (len(parts[0]) == 2 and parts[0][1] == ":")


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: IO[bytes]) -> str:
    """Copy an entry and return its digest."""
    digest = hashlib.sha256()
    try:
        with archive.open(info) as source:
            while block := source.read(_BLOCK_BYTES):
                digest.update(block)
                target.write(block)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as exc:
        raise _NotTaken(Problem.BROKEN) from exc
    target.seek(0)
    return digest.hexdigest()


def _store(
    owner: AbstractBaseUser,
    manifest: dict[str, Any] | None,
    name: str,
    taken: list[tuple[Document, str]],
    report: list[dict[str, str]],
) -> KnowledgeImport:
    words = manifest or {}
    called = clean_name(_text(words, "name"))[:KNOWLEDGE_NAME_MAX_LENGTH] or name[:KNOWLEDGE_NAME_MAX_LENGTH]
    described = _text(words, "description").replace("\x00", "")[:DESCRIPTION_MAX_LENGTH]
    with transaction.atomic():
        knowledge = create_knowledge(owner, called, described)
        for folder in words.get("folders") or []:
            _folder(knowledge, folder if isinstance(folder, str) else "")
        for document, folder in taken:
            add_document(knowledge, document, _folder(knowledge, folder))
        return KnowledgeImport.objects.create(knowledge=knowledge, report=report)


def _folder(knowledge: Knowledge, path: str) -> Any:
    """Return a folder for a path, or the top where the path cannot be one here."""
    try:
        return create_folder(knowledge, path) if path and not _is_unsafe(path) else None
    except FolderRefused:
        return None
