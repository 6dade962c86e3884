"""What an archive holds and should become: opened with care, planned file by file, copied out one at a time."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any

from rag import conf
from rag.errors import ImportRefused
from rag.extraction.detect import name_of_text
from rag.services.documents import clean_name
from rag.services.exports import FORMAT, MANIFEST, VERSION
from rag.types import Problem
from rag.zips import is_unsafe, open_zip

MAX_FILES = 10_000
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
class Planned:
    """A file of an archive, to be taken in or told of.

    Attributes:
        sha256: Empty when nothing says what it should be.
        problem: Why it cannot be taken, if its entry tells.
    """

    entry: str
    name: str
    folder: str
    sha256: str = ""
    problem: str = ""


class NotTaken(Exception):
    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Archive:
    """An open archive with its plan, which is the same each time that it is opened.

    Attributes:
        name, description: Empty when the archive does not say.
        folders: Paths of all folders, also empty ones, as the archive has them.
    """

    def __init__(self, file: IO[bytes]) -> None:
        """Raises ImportRefused."""
        self._zip = open_zip(file, max_entries=MAX_FILES * 2 + 1, max_unpacked_bytes=conf.max_import_bytes())
        self._entries = {info.filename: info for info in self._zip.infolist() if not info.is_dir()}
        manifest = _manifest(self._zip, self._entries)
        words = manifest or {}
        self.name, self.description = clean_name(_text(words, "name")), _text(words, "description").replace("\x00", "")
        folders = words.get("folders")
        self.folders = [path for path in folders if isinstance(path, str)] if isinstance(folders, list) else []
        wanted = [self._with_problem(planned) for planned in _wanted(manifest, self._entries)]
        if all(planned.problem for planned in wanted):
            raise ImportRefused(Problem.EMPTY)
        self.files: Sequence[Planned] = [*_doubles(self._zip), *wanted]

    def copy(self, planned: Planned, target: IO[bytes]) -> str:
        """Copy a file's bytes and return their digest. Raises NotTaken when they are not what they should be."""
        digest = hashlib.sha256()
        try:
            with self._zip.open(self._entries[planned.entry]) as source:
                while block := source.read(_BLOCK_BYTES):
                    digest.update(block)
                    target.write(block)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as exc:
            raise NotTaken(Problem.BROKEN) from exc
        except OSError as exc:
            raise NotTaken(Problem.NOT_STORED) from exc
        if planned.sha256 and planned.sha256.lower() != digest.hexdigest():
            raise NotTaken(WRONG_CHECKSUM)
        target.seek(0)
        return digest.hexdigest()

    def _with_problem(self, planned: Planned) -> Planned:
        return replace(planned, problem=self._problem_of(planned))

    def _problem_of(self, planned: Planned) -> str:
        info = self._entries.get(planned.entry)
        if info is None:
            return NOT_THERE
        if stat.S_ISLNK(info.external_attr >> 16):
            return LINK
        if is_unsafe(info.filename) or is_unsafe(f"{planned.folder}/{planned.name}".strip("/")):
            return UNSAFE_NAME
        if info.flag_bits & _ENCRYPTED:
            return Problem.PASSWORD
        if not info.file_size:
            return Problem.EMPTY
        return Problem.TOO_LARGE if info.file_size > conf.max_upload_bytes() else ""


def _doubles(archive: zipfile.ZipFile) -> Iterator[Planned]:
    """Yield each name once more that comes more than once; the last of them counts."""
    seen: set[str] = set()
    for info in archive.infolist():
        if info.filename in seen:
            yield Planned(entry=info.filename, name=clean_name(info.filename), folder="", problem=TWICE)
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


def _wanted(manifest: dict[str, Any] | None, entries: dict[str, zipfile.ZipInfo]) -> Iterator[Planned]:
    if manifest is None:
        # Open WebUI exports a knowledge so.
        are_texts = all(path.lower().endswith(".txt") for path in entries)
        for path in list(entries)[:MAX_FILES]:
            folder, _, name = path.replace("\\", "/").rpartition("/")
            yield Planned(entry=path, name=name_of_text(name) if are_texts else name, folder=folder)
        return
    for row in manifest["documents"][:MAX_FILES]:
        if not isinstance(row, dict):
            continue
        name, folder, sha256 = (_text(row, key) for key in ("name", "folder", "sha256"))
        if original := _text(row, "original"):
            yield Planned(entry=original, name=name, folder=folder, sha256=sha256)
        elif text := _text(row, "text"):
            # The file itself was gone when this was exported.
            yield Planned(entry=text, name=f"{name}.txt", folder=folder)


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""
