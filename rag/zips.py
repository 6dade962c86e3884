"""ZIP archives: opened with care, and made while they are sent."""

from __future__ import annotations

import struct
import zipfile
from typing import IO

from rag.errors import ImportRefused
from rag.extraction.archives import is_bomb
from rag.types import Problem

MAX_DIRECTORY_BYTES = 16 * 1024 * 1024


def open_zip(file: IO[bytes], *, max_entries: int, max_unpacked_bytes: int) -> zipfile.ZipFile:
    """Open an archive that somebody sent; nothing of it is unpacked.

    Raises:
        ImportRefused: It is none, or holds more than it may.
    """
    try:
        if _directory_bytes(file) > MAX_DIRECTORY_BYTES:
            raise ImportRefused(Problem.TOO_LARGE)
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as exc:
        raise ImportRefused(Problem.BROKEN) from exc
    infos = archive.infolist()
    if not all(info.filename for info in infos):
        # Python reads a name up to its first NUL, and then trips over one that is empty.
        raise ImportRefused(Problem.BROKEN)
    if len(infos) > max_entries or is_bomb(infos) or sum(info.file_size for info in infos) > max_unpacked_bytes:
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


def is_unsafe(path: str) -> bool:
    """Whether a path would lead out of the folder it is unpacked in, on any system."""
    parts = path.replace("\\", "/").split("/")
    return path.startswith(("/", "\\")) or ".." in parts or (len(parts[0]) == 2 and parts[0][1] == ":")


class ZipSink:
    """Takes what a ZipFile writes, until it is sent."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._blocks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def take(self) -> bytes:
        taken = b"".join(self._blocks)
        self._blocks.clear()
        return taken

    def archive(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload, no-any-return]  # cannot be sought


def zip_entry(name: str) -> zipfile.ZipInfo:
    # Always the same moment, so that the same content makes the same archive.
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info
