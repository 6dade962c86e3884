"""Forecast what a model needs before it is loaded, and ask the machine what it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from inference.library.gguf import GgufHeader
from inference.library.models import LibraryModel

KV_BYTES_PER_VALUE = 2
"""The cache holds 16-bit floats."""

PROCESS_BYTES = 120 * 1024 * 1024
"""A runner before it has loaded anything: Python, llama.cpp, its buffers for a small model."""

EMBEDDER_BYTES = 200 * 1024 * 1024

_LOGIT_ROWS = 64
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Bytes that a loaded model takes, by cause."""

    weights: int
    cache: int
    work: int

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.work


def forecast(model: LibraryModel, *, n_ctx: int, n_slots: int) -> Forecast:
    """Estimate the memory of a model with a context window of `n_ctx` tokens in each of `n_slots` slots."""
    header = model.header
    if header is None:  # The embedded embedder: its weights shrink to a quarter when it is built.
        return Forecast(weights=EMBEDDER_BYTES, cache=0, work=0)
    cache = 0 if not model.can_chat else _cache_bytes_per_token(header) * n_ctx * n_slots
    logits = (header.vocabulary_size or 0) * 4 * _LOGIT_ROWS
    return Forecast(weights=model.size_bytes, cache=cache, work=PROCESS_BYTES + logits)


def _cache_bytes_per_token(header: GgufHeader) -> int:
    """Return the bytes of keys and values that one token leaves in all layers."""
    layers, width = header.block_count or 0, header.embedding_length or 0
    heads = _per_layer(header.head_counts, layers)
    heads_kv = _per_layer(header.head_counts_kv, layers) or heads
    values = 0
    for n_heads, n_heads_kv in zip(heads, heads_kv, strict=False):
        key = _length(header, "key_length", width, n_heads)
        value = _length(header, "value_length", width, n_heads)
        values += n_heads_kv * (key + value)
    return values * KV_BYTES_PER_VALUE


def _per_layer(counts: Sequence[int], layers: int) -> Sequence[int]:
    return list(counts) * layers if len(counts) == 1 else counts


def _length(header: GgufHeader, key: str, width: int, n_heads: int) -> int:
    given = header.metadata.get(f"{header.architecture}.attention.{key}")
    if isinstance(given, int) and given > 0:
        return given
    return width // n_heads if n_heads else 0


def available_bytes(runner_pids: Sequence[int] = ()) -> int:
    """Return the memory that can be used without swapping: the machine's, or the container's when that is less.

    The kernel counts the mapped weights of loaded models as free, because it could read them again; while their
    runners live they are not.
    """
    machine = psutil.virtual_memory().available
    container = _container_bytes()
    free = machine if container is None else min(machine, container)
    return free - sum(_mapped_bytes(pid) for pid in runner_pids)


def _mapped_bytes(pid: int) -> int:
    try:
        return int(getattr(psutil.Process(pid).memory_info(), "shared", 0))
    except psutil.Error:
        return 0


def _container_bytes() -> int | None:
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
        cached = _inactive_file_bytes((_CGROUP / "memory.stat").read_text())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(0, int(limit) - used + cached)


def _inactive_file_bytes(stat: str) -> int:
    for line in stat.splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0


def human_bytes(n_bytes: int) -> str:
    return f"{n_bytes / 10**9:.1f} GB" if n_bytes >= 10**9 else f"{n_bytes / 10**6:.0f} MB"
