"""Load the weights of a GGUF file, and make contexts over them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from llama_cpp import __version__ as llama_cpp_version

from inference.library.adapters import check_adapter
from inference.library.gguf import GgufHeader
from inference.runner.attention import Attention
from inference.runner.devices import found_devices, free_card_bytes, has_cards
from inference.runner.native import Adapters, Context, ContextShape, Model, NativeLog
from inference.runner.parked import ParkedPrefixes
from inference.runner.protocol import WireFacts, WireSpec

NEVER_REARRANGED = ("F32", "F16", "BF16")
"""Types of weights that llama.cpp computes with as they lie in the file. Source: ggml-cpu/repack.cpp, amx.cpp."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model in memory, with the adapters that change it."""

    spec: WireSpec
    header: GgufHeader
    model: Model
    adapters: Adapters | None
    log: NativeLog
    free_card_bytes: int
    """Before it was loaded."""
    is_on_cards: bool
    """Whether layers of it may be on a graphics card."""

    @property
    def n_threads(self) -> int:
        return self.spec["n_threads"] or len(os.sched_getaffinity(0))

    def context(self, shape: ContextShape) -> Context:
        """Raises ModelLoadFailed when there is not enough memory for it."""
        return Context(self.model, shape, self.log, adapters=self.adapters)

    def parked_prefixes(self, attention: Attention) -> ParkedPrefixes | None:
        """Return the decoded prompts on disk that this model can use, as it is loaded now."""
        folder = self.spec["parked_folder"]
        if folder is None or not self.spec["parked_bytes"]:
            return None
        files = [Path(path) for path in (self.spec["path"], *self.spec["adapters"])]
        facts = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        key = f"{facts} {self.spec['kv_type']} {attention.flash} {llama_cpp_version}"
        return ParkedPrefixes(Path(folder) / hashlib.sha256(key.encode()).hexdigest()[:32], self.spec["parked_bytes"])

    def facts(self, *, n_ctx: int, n_slots: int) -> WireFacts:
        """Call it when all that is made at once is there, so that what graphics cards hold of it counts."""
        return WireFacts(
            architecture=self.header.architecture,
            n_ctx=n_ctx,
            n_ctx_train=self.model.n_ctx_train,
            n_slots=n_slots,
            n_params=self.model.n_params,
            size_bytes=self.model.size_bytes,
            n_vocab=self.model.n_vocab,
            n_dims=self.model.n_dims,
            has_chat_template=self.header.chat_template is not None,
            is_embedding=False,
            max_text_tokens=0,
            card_bytes=max(0, self.free_card_bytes - free_card_bytes(found_devices())),
        )


def load_model(spec: WireSpec, header: GgufHeader) -> LoadedModel:
    """Load a file whose header was read. Raises BadModelFile or ModelLoadFailed."""
    path, adapters = Path(spec["path"]), [Path(adapter) for adapter in spec["adapters"]]
    for adapter in adapters:
        check_adapter(spec["model"], adapter, path)
    log = NativeLog()
    devices = found_devices()
    maps_file = spec["maps_file"] and header.quantization in NEVER_REARRANGED
    model = Model(
        spec["model"],
        path,
        log,
        n_gpu_layers=spec["n_gpu_layers"],
        main_gpu=spec["main_gpu"],
        maps_file=maps_file,
    )
    loaded = Adapters(model, adapters, log) if adapters else None
    return LoadedModel(
        spec=spec,
        header=header,
        model=model,
        adapters=loaded,
        log=log,
        free_card_bytes=free_card_bytes(devices),
        is_on_cards=spec["n_gpu_layers"] != 0 and has_cards(devices),
    )
