"""Bring files into a store: received piece by piece, or taken over from where they lie on this machine.

Everything here is written under a name of its own and gets its digest as name only once it is whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self, TypedDict
from uuid import uuid4

from inference.errors import BadModelFile
from inference.library.errors import DigestMismatch, NotEnoughSpace
from inference.library.manifests import DISK_FULL, UNFINISHED, Store, parse_digest

SPARE_BYTES = 256 * 1024 * 1024
"""Kept free on the disk."""

_FICLONE = 0x40049409
"""Source: linux/fs.h. Makes one file share the blocks of another until either is changed."""

_PIECE_BYTES = 1024 * 1024
_CHECK_SPACE_EVERY = 64 * 1024 * 1024
_REPORT_EVERY = 64 * 1024 * 1024

FreeBytes = Callable[[Path], int]


class CreateLine(TypedDict, total=False):
    """One progress line of making a model, with Ollama's field names."""

    status: str
    digest: str
    total: int
    completed: int


def free_bytes_of(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class BlobWriter:
    """A blob that is being received. Blocking; call it from one thread at a time. Use as a context manager.

    Args:
        size_bytes: How large it will be; None when nobody says.

    Raises:
        NotEnoughSpace: Here, or when a later write finds the disk full.
    """

    def __init__(
        self, store: Store, digest: str, size_bytes: int | None = None, *, free_bytes: FreeBytes = free_bytes_of
    ) -> None:
        self.digest = parse_digest(digest)
        self._store = store
        self._free_bytes = free_bytes
        self._hash = hashlib.sha256()
        self._n_bytes = self._checked_at = 0
        self._ending = threading.Lock()
        store.blobs.mkdir(parents=True, exist_ok=True)
        self._check_space(size_bytes or 0)
        descriptor, name = tempfile.mkstemp(dir=store.blobs, prefix=UNFINISHED)
        self._temporary = Path(name)
        self._file: BinaryIO = os.fdopen(descriptor, "wb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        if self._n_bytes - self._checked_at >= _CHECK_SPACE_EVERY:
            self._checked_at = self._n_bytes
            self._check_space(len(data))
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as exc:
            if exc.errno not in DISK_FULL:
                raise
            raise NotEnoughSpace(len(data), self._free_bytes(self._store.blobs)) from exc
        self._hash.update(data)
        self._n_bytes += len(data)

    def finish(self) -> None:
        """Give the blob its name. Raises DigestMismatch; `close` deletes what came then."""
        received = f"sha256:{self._hash.hexdigest()}"
        if received != self.digest:
            raise DigestMismatch(self.digest, received)
        with self._ending:
            if self._file.closed:  # The sender left in this moment.
                return
            os.fsync(self._file.fileno())
            os.replace(self._temporary, self._store.blob_file(self.digest))

    def close(self) -> None:
        """Delete what is not finished. May be called more than once, and while another thread finishes."""
        with self._ending:
            self._file.close()
            self._temporary.unlink(missing_ok=True)

    def _check_space(self, n_bytes: int) -> None:
        free = self._free_bytes(self._store.blobs)
        if n_bytes + SPARE_BYTES > free:
            raise NotEnoughSpace(n_bytes + SPARE_BYTES, free)


def adopt(
    store: Store, source: Path, *, digest: str | None = None, free_bytes: FreeBytes = free_bytes_of
) -> Generator[CreateLine, None, str]:
    """Make a file of this machine a blob, using no disk space where the file system allows that; return its digest.

    A hard link keeps the bytes when the other program deletes its file. Where none can be made, blocks are shared, and
    only where that fails too the file is copied.

    Args:
        digest: What another store says that the file's digest is.

    Raises:
        BadModelFile: It cannot be read, is changed meanwhile, or its bytes are not what its digest says.
        NotEnoughSpace
    """
    known = digest or _digest_of_link(store, source)
    if known is not None and store.blob_file(known).exists():
        return known
    store.blobs.mkdir(parents=True, exist_ok=True)
    temporary = store.blobs / f"{UNFINISHED}{uuid4().hex}"
    try:
        way = _take(source, temporary, free_bytes)
        found = yield from _read_through(source, temporary, "copying" if way == "copy" else "reading")
        if digest is not None and found != digest:
            raise BadModelFile(source.name, "it is damaged: its bytes do not have the digest that it is named after")
        size = temporary.stat().st_size
        os.replace(temporary, store.blob_file(found))
        yield _told(way, found, size)
        return found
    except OSError as exc:
        if exc.errno in DISK_FULL:
            raise NotEnoughSpace(source.stat().st_size, free_bytes(store.blobs)) from exc
        raise BadModelFile(source.name, exc.strerror or "the file cannot be read") from exc
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(store: Store) -> None:
    """Delete what an earlier process left when it was killed. Call it before the first write of this one."""
    for folder in (store.root, store.blobs):
        for path in folder.glob(f"{UNFINISHED}*"):
            path.unlink(missing_ok=True)


def _digest_of_link(store: Store, source: Path) -> str | None:
    """Return the digest of a file that is a blob already, under two names."""
    with contextlib.suppress(OSError):
        stat = source.stat()
        if stat.st_nlink > 1:
            for blob in store.blobs.glob("sha256-*"):
                if os.path.samestat(blob.stat(), stat) and len(blob.name) == len("sha256-") + 64:
                    return parse_digest(blob.name)
    return None


def _take(source: Path, temporary: Path, free_bytes: FreeBytes) -> Literal["link", "clone", "copy"]:
    """Make `temporary` the same file, or one that shares its blocks, or a new one to be filled."""
    real = source.resolve(strict=True)
    with contextlib.suppress(OSError):  # Another disk, another owner, a file system without links.
        os.link(real, temporary)
        return "link"
    with real.open("rb") as file, temporary.open("xb") as clone:
        with contextlib.suppress(OSError):
            fcntl.ioctl(clone, _FICLONE, file.fileno())
            return "clone"
        size = os.fstat(file.fileno()).st_size
        free = free_bytes(temporary.parent)
        if size + SPARE_BYTES > free:
            raise NotEnoughSpace(size + SPARE_BYTES, free)
    return "copy"


def _read_through(
    source: Path, temporary: Path, verb: Literal["copying", "reading"]
) -> Generator[CreateLine, None, str]:
    """Hash the file, and write it when it is to be copied."""
    found = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context((source if verb == "copying" else temporary).open("rb"))
        copy = stack.enter_context(temporary.open("wb")) if verb == "copying" else None
        before = os.fstat(file.fileno())
        n_bytes = reported = 0
        while piece := file.read(_PIECE_BYTES):
            found.update(piece)
            if copy is not None:
                copy.write(piece)
            n_bytes += len(piece)
            if n_bytes - reported >= _REPORT_EVERY:
                reported = n_bytes
                yield {"status": f"{verb} {source.name}", "total": before.st_size, "completed": n_bytes}
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or n_bytes != before.st_size:
            raise BadModelFile(source.name, "it was changed while it was read")
        if copy is not None:
            copy.flush()
            os.fsync(copy.fileno())
    yield {"status": f"{verb} {source.name}", "total": n_bytes, "completed": n_bytes}
    return f"sha256:{found.hexdigest()}"


def _told(way: Literal["link", "clone", "copy"], digest: str, size_bytes: int) -> CreateLine:
    short = digest.removeprefix("sha256:")[:12]
    if way == "copy":
        return {"status": f"copied {short}: {size_bytes:,} bytes of disk used"}
    return {"status": f"shared {short}: no disk space used"}
