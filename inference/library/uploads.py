"""A model file that comes from a browser in pieces, perhaps over days: put among the models once it is whole.

Each piece comes with its SHA-256 and is on the disk before its digest is noted, so that a crash at any moment costs
only what was under way. At the end the whole file is read again and compared with all that was noted.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import UUID

import orjson

from inference.errors import BadModelFile
from inference.library.errors import ChunkDamaged, NotEnoughSpace, UploadNotFound, UploadRefused
from inference.library.files import is_gguf_name
from inference.library.gguf import read_header
from inference.library.names import part_of_split
from inference.types import UPLOAD_CHUNK_BYTES

UPLOADS_FOLDER = "uploads"
"""Below the models folder; what lies in it is offered to nobody."""

MAX_FILE_BYTES = 512 * 2**30
MAX_UNFINISHED = 20
MAX_NAME_BYTES = 200
FREE_AFTERWARDS_BYTES = 64 * 1024 * 1024
"""A disk that is full to the last byte stops more than uploads."""

_ABOUT, _DIGESTS = "about.json", "digests"
_DIGEST_BYTES = 32
_MISSING = bytes(_DIGEST_BYTES)
_MAX_REMEMBERED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file on its way.

    Attributes:
        modified_ms: When the file was last changed where it comes from; tells a new version from the old one.
        digests: The SHA-256 of each chunk that is here; None for the others.
    """

    id: UUID
    name: str
    size_bytes: int
    modified_ms: int
    chunk_bytes: int
    digests: tuple[bytes | None, ...] = field(repr=False)

    @property
    def received_bytes(self) -> int:
        return sum(self.length_of(index) for index, digest in enumerate(self.digests) if digest)

    @property
    def is_whole(self) -> bool:
        return None not in self.digests

    def length_of(self, index: int) -> int:
        return min(self.chunk_bytes, self.size_bytes - index * self.chunk_bytes)


@dataclass(slots=True)
class _Check:
    """How far the reading at the end has come."""

    n_chunks: int = 0
    whole: hashlib._Hash = field(default_factory=hashlib.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a part of the last check found: `path` and `sha256` once the file is among the models."""

    checked_bytes: int
    path: Path | None = None
    sha256: str = ""


class Receiver:
    """Writes below one models folder. Call it from threads; one instance per process."""

    def __init__(self, models_folder: Path, *, chunk_bytes: int = UPLOAD_CHUNK_BYTES) -> None:
        self._models = models_folder
        self._root = models_folder / UPLOADS_FOLDER
        self._chunk_bytes = chunk_bytes
        self._lock = threading.Lock()
        self._locks: dict[UUID, threading.Lock] = {}
        self._checks: dict[UUID, _Check] = {}
        self._ended: dict[UUID, Checked] = {}
        """Files that were put in place, for a client that missed the answer."""

    def uploads(self) -> list[Upload]:
        """Return what has begun and is not finished, the oldest first."""
        try:
            folders = sorted(self._root.iterdir(), key=lambda folder: folder.stat().st_ctime)
        except FileNotFoundError:
            return []
        return list(self._readable(folders))

    def find(self, upload_id: UUID) -> Upload:
        """Raises UploadNotFound."""
        try:
            about = orjson.loads((self._folder(upload_id) / _ABOUT).read_bytes())
            noted = (self._folder(upload_id) / _DIGESTS).read_bytes()
        except (OSError, orjson.JSONDecodeError):
            raise UploadNotFound(str(upload_id)) from None
        n_chunks = -(-about["size_bytes"] // about["chunk_bytes"])
        digests = (noted[at : at + _DIGEST_BYTES] for at in range(0, n_chunks * _DIGEST_BYTES, _DIGEST_BYTES))
        known = tuple(digest if len(digest) == _DIGEST_BYTES and digest != _MISSING else None for digest in digests)
        return Upload(id=upload_id, digests=known, **about)

    def begin(self, name: str, size_bytes: int, modified_ms: int) -> Upload:
        """Begin with a file, or go on with it where it was begun before.

        Raises:
            UploadRefused: No GGUF by its name, too large, or a model of that name is here.
            NotEnoughSpace
        """
        name = usable_name(name)
        if not 0 < size_bytes <= MAX_FILE_BYTES:
            raise UploadRefused(f"a model file has from 1 to {MAX_FILE_BYTES:,} bytes")
        upload_id = _id_of(name, size_bytes, modified_ms)
        with self._lock:
            if (self._models / name).exists():
                raise UploadRefused(f"a file {name} is among the models already")
            try:
                upload = self.find(upload_id)
            except UploadNotFound:
                upload = self._new(upload_id, name, size_bytes, modified_ms)
            missing = upload.size_bytes - upload.received_bytes
            self._models.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._models).free - FREE_AFTERWARDS_BYTES
            if missing > free:
                raise NotEnoughSpace(missing, max(0, free))
            self._ended.pop(upload_id, None)
            self._create(upload)
        return upload

    def write(self, upload_id: UUID, index: int, data: bytes, digest: bytes) -> None:
        """Take one chunk. One that is here already is taken again without complaint.

        Raises:
            UploadNotFound
            UploadRefused: There is no such chunk, or the file is no GGUF; then nothing of it is kept.
            ChunkDamaged: The data is not what its digest says.
            NotEnoughSpace
        """
        upload = self.find(upload_id)
        if not 0 <= index < len(upload.digests) or len(data) != upload.length_of(index):
            raise UploadRefused(f"chunk {index} of {len(data):,} bytes is no part of this file")
        if hashlib.sha256(data).digest() != digest:
            raise ChunkDamaged(index)
        if index == 0 and not data.startswith(b"GGUF"):
            self.remove(upload_id)
            raise UploadRefused(f"{upload.name} is not a GGUF file")
        if upload.digests[index] == digest:
            return
        with self._lock_of(upload_id):
            self._checks.pop(upload_id, None)
            try:
                _write_at(self._folder(upload_id) / upload.name, index * upload.chunk_bytes, data)
                _write_at(self._folder(upload_id) / _DIGESTS, index * _DIGEST_BYTES, digest)
            except FileNotFoundError:  # Removed in this moment.
                raise UploadNotFound(str(upload_id)) from None
            except OSError as exc:
                raise NotEnoughSpace(len(data), shutil.disk_usage(self._root).free) from exc

    def finish(self, upload_id: UUID, digest: bytes, *, patience_s: float) -> Checked:
        """Read on in the whole file for at most about `patience_s`; call it again until it returns a path.

        Args:
            digest: SHA-256 over the digests of all chunks, as the sender knows them.

        Raises:
            UploadNotFound
            UploadRefused: Chunks are missing, or the sender's file is another one; or it is no usable model, and then
                nothing of it is kept.
            ChunkDamaged: The disk does not hold what was written; that chunk is to be sent again.
        """
        if upload_id in self._ended:
            return self._ended[upload_id]
        with self._lock_of(upload_id):
            upload = self.find(upload_id)
            if not upload.is_whole:
                raise UploadRefused(f"{upload.digests.count(None)} chunks are missing")
            if hashlib.sha256(b"".join(filter(None, upload.digests))).digest() != digest:
                raise UploadRefused("the file has changed while it was sent; begin again")
            check = self._checks.setdefault(upload_id, _Check())
            self._read_on(upload, check, time.monotonic() + patience_s)
            done = min(check.n_chunks * upload.chunk_bytes, upload.size_bytes)
            if done < upload.size_bytes:
                return Checked(checked_bytes=done)
            return self._accept(upload, check.whole.hexdigest())

    def remove(self, upload_id: UUID) -> None:
        """Throw away what has arrived. Raises UploadNotFound."""
        self.find(upload_id)
        with self._lock_of(upload_id):
            self._forget(upload_id)

    def _read_on(self, upload: Upload, check: _Check, until: float) -> None:
        with (self._folder(upload.id) / upload.name).open("rb") as file:
            file.seek(check.n_chunks * upload.chunk_bytes)
            for index in range(check.n_chunks, len(upload.digests)):
                data = file.read(upload.length_of(index))
                if hashlib.sha256(data).digest() != upload.digests[index]:
                    self._checks.pop(upload.id, None)
                    _write_at(self._folder(upload.id) / _DIGESTS, index * _DIGEST_BYTES, _MISSING)
                    raise ChunkDamaged(index)
                check.whole.update(data)
                check.n_chunks = index + 1
                if time.monotonic() > until:
                    return

    def _accept(self, upload: Upload, sha256: str) -> Checked:
        path = self._folder(upload.id) / upload.name
        # Only the first file of a split model has a header that describes it.
        if part_of_split(path)[0] == 1:
            try:
                read_header(path)
            except BadModelFile as exc:
                self._forget(upload.id)
                raise UploadRefused(f"{upload.name} cannot be used: {exc.detail}") from exc
        target = self._models / upload.name
        with self._lock:
            if target.exists():
                raise UploadRefused(f"a file {upload.name} is among the models already")
            os.replace(path, target)
        self._forget(upload.id)
        ended = Checked(checked_bytes=upload.size_bytes, path=target, sha256=sha256)
        self._ended[upload.id] = ended
        while len(self._ended) > _MAX_REMEMBERED:
            self._ended.pop(next(iter(self._ended)))
        return ended

    def _new(self, upload_id: UUID, name: str, size_bytes: int, modified_ms: int) -> Upload:
        if len(self.uploads()) >= MAX_UNFINISHED:
            raise UploadRefused(f"{MAX_UNFINISHED} uploads are unfinished; finish or remove one first")
        n_chunks = -(-size_bytes // self._chunk_bytes)
        return Upload(
            id=upload_id,
            name=name,
            size_bytes=size_bytes,
            modified_ms=modified_ms,
            chunk_bytes=self._chunk_bytes,
            digests=(None,) * n_chunks,
        )

    def _create(self, upload: Upload) -> None:
        folder = self._folder(upload.id)
        if (folder / _ABOUT).exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        (folder / upload.name).touch()
        (folder / _DIGESTS).touch()
        about = {key: value for key, value in asdict(upload).items() if key not in ("id", "digests")}
        temporary = folder / f"{_ABOUT}.new"
        temporary.write_bytes(orjson.dumps(about))
        os.replace(temporary, folder / _ABOUT)

    def _readable(self, folders: list[Path]) -> Iterator[Upload]:
        for folder in folders:
            try:
                yield self.find(UUID(folder.name))
            except (ValueError, UploadNotFound):
                continue

    def _folder(self, upload_id: UUID) -> Path:
        return self._root / str(upload_id)

    def _lock_of(self, upload_id: UUID) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(upload_id, threading.Lock())

    def _forget(self, upload_id: UUID) -> None:
        shutil.rmtree(self._folder(upload_id), ignore_errors=True)
        self._checks.pop(upload_id, None)
        self._locks.pop(upload_id, None)


def usable_name(text: str) -> str:
    """Return the file name to keep a model under. Raises UploadRefused when it is no plain name of a GGUF file."""
    name = text.replace("\\", "/").rpartition("/")[2].strip()
    is_plain = name.isprintable() and len(name.encode(errors="replace")) <= MAX_NAME_BYTES
    if not is_plain or not is_gguf_name(name):
        raise UploadRefused("only .gguf files can be uploaded")
    return name


def _id_of(name: str, size_bytes: int, modified_ms: int) -> UUID:
    """Return the same id for the same file, so that choosing it again goes on with it."""
    return UUID(bytes=hashlib.sha256(f"{name}\0{size_bytes}\0{modified_ms}".encode()).digest()[:16], version=5)


def _write_at(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
