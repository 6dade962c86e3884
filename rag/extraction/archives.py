"""What lies in an archive, and whether it may be opened: looked at before anything in it is unpacked."""

from __future__ import annotations

import zipfile
from typing import IO

from rag.errors import Unreadable
from rag.types import DOCX, EPUB, ODS, PPTX, XLSX, Problem

MAX_ENTRIES = 20_000
MAX_UNPACKED_BYTES = 400_000_000
# Text marked up as Office does packs to a twentieth, monotonous sheets to a hundredth; bombs to a thousandth.
MAX_RATIO = 250
# Small files may be as monotonous as they like.
_HARMLESS_BYTES = 10_000_000

_ENCRYPTED = 0x1
_MAX_TYPE_LENGTH = 100

_OFFICE_FOLDERS = (("word/", DOCX), ("ppt/", PPTX), ("xl/", XLSX))


def check(file: IO[bytes]) -> str | None:
    """Return the media type of an archive, None for one that is no document.

    Raises:
        Unreadable: It is broken, asks for a password, or holds more than may be unpacked.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            named = _named_type(archive)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as exc:
        raise Unreadable(Problem.BROKEN) from exc
    _refuse_bombs(entries)
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise Unreadable(Problem.PASSWORD)
    file.seek(0)
    return ODS if named == ODS else _document_type({entry.filename for entry in entries})


def _named_type(archive: zipfile.ZipFile) -> str:
    """Return what OpenDocument files and books say they are, in their first entry.

    Source: OpenDocument 1.3, part 2, 3.3 "MIME Media Type"; it is stored without compression.
    """
    first = next(iter(archive.infolist()), None)
    if first is None or first.filename != "mimetype" or first.file_size > _MAX_TYPE_LENGTH or first.compress_type:
        return ""
    return archive.read(first).decode("ascii", errors="replace").strip()


def _refuse_bombs(entries: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_ENTRIES or unpacked > MAX_UNPACKED_BYTES or is_bomb(entries):
        raise Unreadable(Problem.TOO_LARGE)


def is_bomb(entries: list[zipfile.ZipInfo]) -> bool:
    """Whether entries pack so well that nobody can have written them."""
    unpacked = sum(entry.file_size for entry in entries)
    return unpacked > _HARMLESS_BYTES and unpacked > MAX_RATIO * sum(entry.compress_size for entry in entries)


def _document_type(names: set[str]) -> str | None:
    if "[Content_Types].xml" not in names:
        return EPUB if "META-INF/container.xml" in names else None
    for folder, media_type in _OFFICE_FOLDERS:
        if any(name.startswith(folder) for name in names):
            return media_type
    return None
