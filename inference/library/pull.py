"""Download a model into our own store: resumable, verified, visible only once it is whole."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypedDict
from weakref import WeakValueDictionary

from inference.library.errors import BadManifest, DigestMismatch, NotEnoughSpace, RegistryFailed
from inference.library.manifests import Layer, Manifest, Store
from inference.library.names import ModelName

if TYPE_CHECKING:
    from inference.library.registry import Registry

MAX_TRIES = 6
"""Tries in a row that bring no new byte before a download is given up. Source: Ollama's server/download.go."""

SPARE_BYTES = 256 * 1024 * 1024
"""Kept free on the disk beside the download."""

_WRITE_BYTES = 1024 * 1024
_REPORT_EVERY_S = 0.1

OpenRegistry = Callable[[str, bool], "Registry"]


class PullLine(TypedDict, total=False):
    """One progress line, with Ollama's field names. Bytes never go down for one digest."""

    status: str
    digest: str
    total: int
    completed: int


class Puller:
    """Downloads into one store. Two pulls of one blob wait for each other instead of writing it twice.

    Args:
        pause: Waits between two tries; tests pass one that does not.
    """

    def __init__(
        self,
        store: Store,
        *,
        open_registry: OpenRegistry | None = None,
        pause: Callable[[float], object] = asyncio.sleep,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._store = store
        self._open_registry = open_registry or _open_registry
        self._pause = pause
        self._free_bytes = free_bytes
        self._busy: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def pull(self, name: ModelName, *, insecure: bool = False) -> AsyncGenerator[PullLine, None]:
        """Bring a name up to date and yield what happens. Closing the iterator stops; a later pull goes on from there.

        Raises:
            PullFailed: Any of its kinds.
            BadManifest: The registry sent something else.
        """
        async with self._open_registry(name.host, insecure) as registry:
            yield {"status": "pulling manifest"}
            data = await registry.manifest(name)
            manifest = Manifest.parse(data)
            if manifest.first("model") is None:
                raise BadManifest("it has no GGUF weights; safetensors and cloud models cannot be run here")
            layers = list({layer.digest: layer for layer in manifest.all_layers}.values())
            await asyncio.to_thread(self._check_space, layers)
            for layer in layers:
                async with contextlib.aclosing(self._pull_blob(registry, name, layer)) as lines:
                    async for line in lines:
                        yield line
        yield {"status": "verifying sha256 digest"}
        yield {"status": "writing manifest"}
        await asyncio.to_thread(self._finish, name, data, manifest)
        yield {"status": "removing unused layers"}
        yield {"status": "success"}

    def _check_space(self, layers: list[Layer]) -> None:
        self._store.blobs.mkdir(parents=True, exist_ok=True)
        missing = 0
        for layer in layers:
            blob = self._store.blob_file(layer.digest)
            if not blob.exists():
                missing += max(0, layer.size_bytes - _size_of(_partial(blob)))
        free = self._free_bytes(self._store.blobs)
        if missing and missing + SPARE_BYTES > free:
            raise NotEnoughSpace(missing + SPARE_BYTES, free)

    async def _pull_blob(self, registry: Registry, name: ModelName, layer: Layer) -> AsyncGenerator[PullLine, None]:
        blob = self._store.blob_file(layer.digest)
        lock = self._busy.setdefault(layer.digest, asyncio.Lock())
        async with lock:
            if await asyncio.to_thread(blob.exists):
                yield _line(layer, layer.size_bytes)
                return
            download = await asyncio.to_thread(_Download.open, blob, layer)
            try:
                async with contextlib.aclosing(self._fill(download, registry, name, layer)) as lines:
                    async for line in lines:
                        yield line
                await asyncio.to_thread(download.finish)
            finally:
                await asyncio.to_thread(download.close)

    async def _fill(
        self, download: _Download, registry: Registry, name: ModelName, layer: Layer
    ) -> AsyncGenerator[PullLine, None]:
        """Fetch what is missing, trying again after a break and giving up only when nothing comes any more."""
        shown = download.n_bytes
        failures = 0
        yield _line(layer, shown)
        while download.n_bytes < layer.size_bytes:
            before = download.n_bytes
            try:
                async with contextlib.aclosing(_receive(download, registry, name, layer)) as counts:
                    async for n_bytes in counts:
                        shown = max(shown, n_bytes)
                        yield _line(layer, shown)
                if download.n_bytes < layer.size_bytes:
                    raise RegistryFailed(registry.host, "the connection broke")
            except RegistryFailed as exc:
                failures = failures + 1 if download.n_bytes <= before else 1
                if failures >= MAX_TRIES or _is_refusal(exc):
                    raise
                waiting = self._pause(min(30.0, 0.25 * failures**2))
                if asyncio.iscoroutine(waiting):
                    await waiting

    def _finish(self, name: ModelName, data: bytes, manifest: Manifest) -> None:
        try:
            before = {layer.digest for layer in self._store.read_manifest(name).all_layers}
        except (OSError, BadManifest):
            before = set()
        self._store.write_manifest(name, data)
        self._store.prune(before - {layer.digest for layer in manifest.all_layers})


def _open_registry(host: str, insecure: bool) -> Registry:
    # Here, because httpx takes 8 MB and most servers never pull.
    from inference.library.registry import Registry

    return Registry(host, insecure=insecure)


async def _receive(download: _Download, registry: Registry, name: ModelName, layer: Layer) -> AsyncGenerator[int, None]:
    """Write one connection's data and yield, now and then, how many bytes are there."""
    buffer = bytearray()
    reported = time.monotonic()
    async with registry.blob(name, layer.digest, start=download.n_bytes) as (begins, pieces):
        if begins != download.n_bytes:
            await asyncio.to_thread(download.restart)
        try:
            async for piece in pieces:
                buffer += piece
                if download.n_bytes + len(buffer) > layer.size_bytes:
                    raise DigestMismatch(layer.digest, "more bytes than announced")
                if len(buffer) >= _WRITE_BYTES:
                    data = bytes(buffer)
                    buffer.clear()  # First: a cancel during the write must not write it twice.
                    await asyncio.to_thread(download.write, data)
                    if time.monotonic() - reported >= _REPORT_EVERY_S:
                        reported = time.monotonic()
                        yield download.n_bytes
        finally:
            # Also when cut off or stopped: what came is kept for the next try.
            if buffer and download.n_bytes + len(buffer) <= layer.size_bytes:
                download.write(bytes(buffer))
    yield download.n_bytes


class _Download:
    """A blob being written, hashed on the way. Blocking; call it from a thread."""

    def __init__(self, blob: Path, layer: Layer, file: BinaryIO) -> None:
        self._blob = blob
        self._layer = layer
        self._file = file
        self._hash = hashlib.sha256()
        self.n_bytes = 0

    @classmethod
    def open(cls, blob: Path, layer: Layer) -> _Download:
        """Open the partial file and take over what an earlier try left in it."""
        partial = _partial(blob)
        partial.touch()
        download = cls(blob, layer, partial.open("r+b"))
        while piece := download._file.read(_WRITE_BYTES):
            download._hash.update(piece)
            download.n_bytes += len(piece)
        if download.n_bytes > layer.size_bytes:
            download.restart()
        return download

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.n_bytes += len(data)

    def restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.sha256()
        self.n_bytes = 0

    def finish(self) -> None:
        """Check the digest and give the blob its name. Raises DigestMismatch, and deletes what was received."""
        received = f"sha256:{self._hash.hexdigest()}"
        if received != self._layer.digest:
            _partial(self._blob).unlink(missing_ok=True)
            raise DigestMismatch(self._layer.digest, received)
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(_partial(self._blob), self._blob)

    def close(self) -> None:
        self._file.close()


def _line(layer: Layer, completed: int) -> PullLine:
    short = layer.digest.removeprefix("sha256:")[:12]
    return {
        "status": f"pulling {short}",
        "digest": layer.digest,
        "total": layer.size_bytes,
        "completed": min(completed, layer.size_bytes),
    }


def _partial(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}-partial")


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _is_refusal(exc: RegistryFailed) -> bool:
    return exc.status is not None and 400 <= exc.status < 500 and exc.status not in (408, 429)
