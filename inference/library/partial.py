"""A file that arrives in parts, in any order, and may be left and taken up again by another process.

Beside the data lies a map: how many bytes of each part are there, and their checksum. The map is written after the data
it speaks of is on the disk, so that it never promises what a power cut took away.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import orjson

from inference.library.errors import DigestMismatch, StoreFailed
from inference.library.files import sync_folder

MAP_VERSION = 1
MAX_MAP_BYTES = 4 * 1024 * 1024
STALE_S = 30 * 24 * 3600.0
_READ_BYTES = 1024 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(slots=True)
class Part:
    """A range of the file that fills from its beginning. `crc` is of the `n_bytes` that are there."""

    start: int
    size: int
    n_bytes: int = 0
    crc: int = 0

    @property
    def is_whole(self) -> bool:
        return self.n_bytes == self.size

    @property
    def next_byte(self) -> int:
        return self.start + self.n_bytes

    @property
    def stop(self) -> int:
        return self.start + self.size


class PartialFile:
    """The parts of one file on the disk. Blocking, and for one thread at a time, `verify` aside.

    Args:
        target: What the file is to be called once it is whole.
        digest: `sha256:<64 hex>` of the whole.
        part_bytes: Size of a part; parts of an earlier attempt keep the size they had.
    """

    def __init__(self, target: Path, *, digest: str, size_bytes: int, part_bytes: int) -> None:
        self.target = target
        self.digest = digest
        self.size_bytes = size_bytes
        self.data_file, self.map_file = partial_files(target)
        self._part_bytes = max(1, part_bytes)
        self._hash = hashlib.sha256()
        self._n_verified = 0
        self._damaged: set[int] = set()
        self._descriptor = -1
        with _failing_as_ours(target):
            self.parts = self._read_map() or list(_split(size_bytes, self._part_bytes))
            self._descriptor = os.open(self.data_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def __enter__(self) -> PartialFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def n_bytes(self) -> int:
        return sum(part.n_bytes for part in self.parts)

    @property
    def is_verified(self) -> bool:
        return self._n_verified == len(self.parts)

    def missing(self) -> list[Part]:
        return [part for part in self.parts if not part.is_whole]

    def put(self, offset: int, data: bytes) -> None:
        """Write those bytes of `data`, which belongs at `offset`, that continue a part; the others are there already.

        Raises:
            StoreFailed: The disk is full, or fails.
        """
        view = memoryview(data)
        end = offset + len(view)
        for part in self.parts[offset // self._part_bytes :]:
            if part.start >= end:
                break
            wanted = part.next_byte
            if offset <= wanted < min(end, part.stop):
                self._write(part, view[wanted - offset : min(end, part.stop) - offset])

    def _write(self, part: Part, data: memoryview) -> None:
        with _failing_as_ours(self.target):
            while data:
                n_written = os.pwrite(self._descriptor, data, part.next_byte)
                part.crc = zlib.crc32(data[:n_written], part.crc)
                part.n_bytes += n_written
                data = data[n_written:]

    def verify(self) -> bool:
        """Read the next unverified part in order, check it against the map, and count it into the digest.

        Returns:
            False when there is none that is whole. A part that is not what the map says is emptied.

        Raises:
            StoreFailed: That happened twice to one part.
        """
        part = self.parts[self._n_verified] if not self.is_verified else None
        if part is None or not part.is_whole:
            return False
        crc, digest = 0, self._hash.copy()
        with _failing_as_ours(self.target), self.data_file.open("rb", buffering=0) as file:
            file.seek(part.start)
            left = part.size
            while left and (data := file.read(min(left, _READ_BYTES))):
                crc = zlib.crc32(data, crc)
                digest.update(data)
                left -= len(data)
        if left or crc != part.crc:
            if part.start in self._damaged:
                raise StoreFailed(str(self.target), "the disk does not keep what is written")
            self._damaged.add(part.start)
            part.n_bytes = part.crc = 0
            return False
        self._hash = digest
        self._n_verified += 1
        return True

    def save(self) -> None:
        """Bring data and map to the disk, in this order."""
        body = {
            "version": MAP_VERSION,
            "size": self.size_bytes,
            "part_size": self._part_bytes,
            "parts": [[part.n_bytes, part.crc] for part in self.parts],
        }
        with _failing_as_ours(self.target):
            os.fdatasync(self._descriptor)
            temporary = self.map_file.with_name(f"{self.map_file.name}-new")
            with temporary.open("wb") as file:
                file.write(orjson.dumps(body))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.map_file)

    def finish(self) -> None:
        """Check the digest and give the file its name.

        Raises:
            DigestMismatch: It is another file, and is deleted.
        """
        if not self.is_verified:
            raise RuntimeError("the file is not verified yet")
        received = f"sha256:{self._hash.hexdigest()}"
        if received != self.digest:
            self._forget()
            raise DigestMismatch(self.digest, received)
        with _failing_as_ours(self.target):
            os.fsync(self._descriptor)
            os.replace(self.data_file, self.target)
            self._forget()
            sync_folder(self.target.parent)

    def close(self) -> None:
        """Keep what is there for a later attempt; after `finish` there is nothing to keep."""
        if self._descriptor < 0:
            return
        try:
            if self.data_file.exists():
                with contextlib.suppress(StoreFailed):  # A full disk, of which `put` has told already.
                    self.save()
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    def _forget(self) -> None:
        self.data_file.unlink(missing_ok=True)
        self.map_file.unlink(missing_ok=True)

    def _read_map(self) -> list[Part] | None:
        """Return the parts an earlier attempt left; None when there is no map that fits this file."""
        try:
            if self.map_file.stat().st_size > MAX_MAP_BYTES:
                return None
            body = orjson.loads(self.map_file.read_bytes())
            n_on_disk = self.data_file.stat().st_size
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None
        return self._parts_of(body, n_on_disk)

    def _parts_of(self, body: object, n_on_disk: int) -> list[Part] | None:
        if not isinstance(body, dict) or (body.get("version"), body.get("size")) != (MAP_VERSION, self.size_bytes):
            return None
        part_bytes, entries = body.get("part_size"), body.get("parts")
        if not isinstance(part_bytes, int) or part_bytes < 1 or not isinstance(entries, list):
            return None
        if len(entries) != -(-self.size_bytes // part_bytes):
            return None
        parts = list(_split(self.size_bytes, part_bytes))
        for part, entry in zip(parts, entries, strict=True):
            match entry:
                case [int(n_bytes), int(crc)] if 0 <= n_bytes <= part.size and 0 <= crc < 2**32:
                    if part.start + n_bytes <= n_on_disk:
                        part.n_bytes, part.crc = n_bytes, crc
                case _:
                    return None
        self._part_bytes = part_bytes
        return parts


def partial_files(target: Path) -> tuple[Path, Path]:
    """Return where the data and the map of an unfinished file lie."""
    return target.with_name(f"{target.name}-partial"), target.with_name(f"{target.name}-partial-map")


def bytes_at_hand(target: Path) -> int:
    """Return how many bytes of an unfinished file an earlier attempt has left."""
    data, marks = partial_files(target)
    try:
        body = orjson.loads(marks.read_bytes()[:MAX_MAP_BYTES])
        counts = [int(entry[0]) for entry in body["parts"]]
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return 0
    return min(sum(counts), data.stat().st_size) if data.exists() else 0


def clear_stale(folder: Path, older_than_s: float = STALE_S) -> None:
    """Delete unfinished files that nobody has touched for a long time."""
    before = time.time() - older_than_s
    for path in [*folder.glob("*-partial"), *folder.glob("*-partial-map")]:
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()


def _split(size_bytes: int, part_bytes: int) -> Iterator[Part]:
    for start in range(0, size_bytes, part_bytes):
        yield Part(start, min(part_bytes, size_bytes - start))


@contextlib.contextmanager
def _failing_as_ours(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise StoreFailed(str(path), exc.strerror or "it failed", is_full=exc.errno in _FULL) from exc
