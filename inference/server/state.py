"""What the views of one server share: made once at start, before the first request."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from inference.library import embedder_package
from inference.library.blobs import remove_unfinished
from inference.library.catalog import Catalog
from inference.library.models import LibraryModel
from inference.library.names import ModelName
from inference.library.pull import Puller
from inference.library.registry_key import RegistryKey
from inference.library.uploads import Receiver
from inference.server.conf import ServerConfig
from inference.server.devices import DeviceProbe
from inference.server.hosts import HostCheck, OriginCheck
from inference.server.kept import KeptSettings
from inference.server.keys import KeyCheck
from inference.server.measured import MeasuredMemory
from inference.server.memory import available_bytes
from inference.server.metrics import Metrics
from inference.server.scheduler import Limits, Scheduler
from inference.server.seats import StartRunner


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    config: ServerConfig
    catalog: Catalog
    scheduler: Scheduler
    measured: MeasuredMemory
    kept: KeptSettings
    puller: Puller
    receiver: Receiver
    hosts: HostCheck
    origins: OriginCheck
    keys: KeyCheck
    metrics: Metrics
    devices: DeviceProbe

    async def find_model(self, name: str) -> LibraryModel:
        """Return the model of that name; a turn on a thread is spent only where the disk must be looked at.

        Raises:
            InvalidName, ModelNotFound
        """
        if known := self.catalog.at_hand(name):
            return known
        return await asyncio.to_thread(self.catalog.find, name)


_state: ServerState | None = None


def make_state(config: ServerConfig, start_runner: StartRunner) -> ServerState:
    """Put the parts together. Call it on the event loop that will use them."""
    catalog = Catalog(
        config.models_folder,
        ollama_store=config.ollama_models,
        embedded=lambda: embedded_embedder(config.models_folder),
    )
    remove_unfinished(catalog.store)
    limits = Limits(
        keep_alive_s=config.keep_alive_s,
        num_parallel=config.num_parallel,
        max_queue=config.max_queue,
        max_loaded=config.max_loaded,
        context_length=config.context_length,
        load_timeout_s=config.load_timeout_s,
        kv_type=config.kv_type,
        parked_folder=config.parked_folder,
        parked_bytes=config.parked_bytes,
        flash_attention=config.flash_attention,
    )
    measured = MeasuredMemory(config.data / "cache" / "measured-memory.json")
    kept = KeptSettings(config.models_folder / "load-settings.json")
    scheduler = Scheduler(start_runner, limits, available_bytes=available_bytes, measured=measured, kept=kept)
    return ServerState(
        config=config,
        catalog=catalog,
        scheduler=scheduler,
        measured=measured,
        kept=kept,
        puller=Puller(
            catalog.store,
            prunes=config.prunes,
            hub=config.hub,
            key=RegistryKey(config.data),
            max_streams=config.max_streams,
        ),
        receiver=Receiver(config.models_folder),
        hosts=HostCheck(config.host),
        origins=OriginCheck(config.origins),
        keys=KeyCheck(config.keys),
        devices=DeviceProbe(os.environ),
        metrics=Metrics(scheduler, max_queue=config.max_queue),
    )


def set_state(state: ServerState | None) -> None:
    global _state  # One server per process; Django's views have no other place to get it from.
    _state = state


def get_state() -> ServerState:
    if _state is None:
        raise RuntimeError("the model server was not started")
    return _state


def embedded_embedder(models_folder: Path) -> LibraryModel | None:
    """Return the embedder that comes with the product; None where its weights' package is not installed."""
    folder = embedder_package.model_folder()
    if folder is None:
        return None
    try:
        stat = (folder / "model.safetensors").stat()
    except OSError:
        return None
    return LibraryModel(
        name=ModelName.parse(embedder_package.EMBEDDER_NAME),
        path=models_folder / "embedded",
        kind="onnx",
        source="embedded",
        size_bytes=stat.st_size,
        digest=hashlib.sha256(f"{embedder_package.MODULE} {stat.st_size}".encode()).hexdigest(),
        modified_ns=stat.st_mtime_ns,
        header=None,
        capabilities=frozenset({"embedding"}),
        family="bert",
        parameter_size="23M",
        quantization="INT8",
        context_length=256,
    )
