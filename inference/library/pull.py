"""Download a model into our own store: resumable, verified, visible only once it is whole."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from inference.library.errors import BadManifest, NotEnoughSpace, StoreFailed
from inference.library.hub_names import HubReference
from inference.library.hub_settings import HubSettings
from inference.library.manifests import Layer, Manifest, Store
from inference.library.names import ModelName
from inference.library.registry_key import RegistryKey

if TYPE_CHECKING:
    from inference.library.offers import Offer, Source
    from inference.library.transfer import Manner, Transfers

SPARE_BYTES = 256 * 1024 * 1024
"""Kept free on the disk beside the download."""


class PullLine(TypedDict, total=False):
    """One progress line, with Ollama's field names. Bytes never go down for one digest."""

    status: str
    digest: str
    total: int
    completed: int


class Puller:
    """Downloads into one store. Two pulls of one file at once share its transfer.

    Args:
        prunes: Delete the layers of a model that its new version no longer has.
        hub: Where Hugging Face is, and who we are there; None for itself and nobody.
        key: Who we are at registries; None for nobody.
        max_streams: Connections that one file may use; None goes by its size.
        manner: How files are fetched; None for what suits the world outside.
    """

    def __init__(
        self,
        store: Store,
        *,
        prunes: bool = True,
        hub: HubSettings | None = None,
        key: RegistryKey | None = None,
        max_streams: int | None = None,
        manner: Manner | None = None,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._store = store
        self._prunes = prunes
        self._hub = hub or HubSettings()
        self._key = key
        self._max_streams = max_streams
        self._manner = manner
        self._free_bytes = free_bytes
        self._made: Transfers | None = None

    async def pull(self, text: str, *, insecure: bool = False) -> AsyncGenerator[PullLine, None]:
        """Bring a model up to date and yield what happens. Closing the iterator stops; a later pull goes on from there.

        Args:
            text: A name in a registry, or what `HubReference` understands.

        Raises:
            InvalidName
            PullFailed: Any of its kinds.
            BadManifest: The registry sent something else.
        """
        async with self._source(text, insecure) as source:
            yield {"status": "pulling manifest"}
            offer = await source.offer()
            manifest = Manifest.parse(offer.manifest)
            if manifest.first("model") is None:
                raise BadManifest("it has no GGUF weights; safetensors and cloud models cannot be run here")
            layers = list({layer.digest: layer for layer in manifest.all_layers}.values())
            with self._store.keeping(layer.digest for layer in layers):
                await asyncio.to_thread(self._check_space, layers)
                for layer in layers:
                    async with contextlib.aclosing(self._bring(offer, layer)) as lines:
                        async for line in lines:
                            yield line
                yield {"status": "verifying sha256 digest"}
                yield {"status": "writing manifest"}
                replaced = await asyncio.to_thread(self._write_manifest, offer.name, offer.manifest)
        if self._prunes and (unused := replaced - {layer.digest for layer in layers}):
            yield {"status": "removing unused layers"}
            await asyncio.to_thread(self._store.prune, unused)
        yield {"status": "success"}

    def _source(self, text: str, insecure: bool) -> Source:
        # Here, because the HTTP client takes 8 MB and most servers never pull.
        from inference.library.huggingface import HubSource
        from inference.library.registry import Registry

        stall_s = self._transfers.manner.stall_s
        reference = HubReference.parse(text, {self._hub.host})
        if reference is not None:
            return HubSource(self._hub, reference, stall_s=stall_s)
        return Registry(ModelName.parse(text), insecure=insecure, key=self._key, stall_s=stall_s)

    async def _bring(self, offer: Offer, layer: Layer) -> AsyncGenerator[PullLine, None]:
        blob = self._store.blob_file(layer.digest)
        if await asyncio.to_thread(_is_there, blob, layer):
            yield _line(layer, layer.size_bytes)
        elif layer.digest in offer.texts:
            await asyncio.to_thread(self._write_text, offer.texts[layer.digest])
            yield _line(layer, layer.size_bytes)
        else:
            fetching = self._transfers.fetch(offer.remotes[layer.digest], blob, digest=layer.digest)
            async with contextlib.aclosing(fetching) as counts:
                async for n_bytes in counts:
                    yield _line(layer, n_bytes)

    @property
    def _transfers(self) -> Transfers:
        from inference.library.transfer import MAX_STREAMS, Manner, Transfers

        if self._made is None:
            self._made = Transfers(self._manner or Manner(max_streams=self._max_streams or MAX_STREAMS))
        return self._made

    def _check_space(self, layers: Sequence[Layer]) -> None:
        from inference.library.partial import bytes_at_hand, clear_stale

        try:
            self._store.blobs.mkdir(parents=True, exist_ok=True)
            clear_stale(self._store.blobs)
            missing = 0
            for layer in layers:
                blob = self._store.blob_file(layer.digest)
                if not _is_there(blob, layer):
                    missing += max(0, layer.size_bytes - bytes_at_hand(blob))
            free = self._free_bytes(self._store.blobs)
        except OSError as exc:
            raise StoreFailed(str(self._store.blobs), exc.strerror or "it cannot be used") from exc
        if missing and missing + SPARE_BYTES > free:
            raise NotEnoughSpace(missing + SPARE_BYTES, free)

    def _write_text(self, data: bytes) -> None:
        try:
            self._store.put_blob(data)
        except OSError as exc:
            raise StoreFailed(str(self._store.blobs), exc.strerror or "it cannot be written") from exc

    def _write_manifest(self, name: ModelName, data: bytes) -> set[str]:
        """Make the model appear; return the digests that its former version had."""
        name = self._store.existing_name(name)
        try:
            before = {layer.digest for layer in self._store.read_manifest(name).all_layers}
        except (OSError, BadManifest):
            before = set()
        try:
            self._store.link_parts(Manifest.parse(data))
            self._store.write_manifest(name, data)
        except OSError as exc:
            raise StoreFailed(str(self._store.root), exc.strerror or "it cannot be written") from exc
        return before


def _is_there(blob: Path, layer: Layer) -> bool:
    """Return whether a blob is whole. One of another size was damaged, and is fetched anew."""
    try:
        return blob.stat().st_size == layer.size_bytes
    except FileNotFoundError:
        return False


def _line(layer: Layer, completed: int) -> PullLine:
    short = layer.digest.removeprefix("sha256:")[:12]
    return {
        "status": f"pulling {short}",
        "digest": layer.digest,
        "total": layer.size_bytes,
        "completed": min(completed, layer.size_bytes),
    }
