"""Forecast what a model takes of the memory before it is loaded, from the header of its file alone.

The figures are what llama.cpp allocates for a runner as `inference.runner` sets it up: all weights once, a cache with a
place for every token of every slot, and the tensors of the rows in flight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inference.library.gguf import GgufHeader
from inference.library.models import LibraryModel
from inference.runner.attention import may_be_plain, rows_together
from inference.runner.types import CHAT_BATCH_ROWS, KvType

KV_BYTES_PER_VALUE = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}

KV_BLOCK = 32
"""Values that are stored together in a type smaller than f16."""

PROCESS_BYTES = 62_000_000
"""A runner before it has loaded anything: Python and llama.cpp. Measured."""

BYTES_PER_TOKEN = 170
BYTES_PER_MERGE = 50
"""Of the tables that find a token by its text and the text by its token, and of the merges, beyond what the file has of
them, which counts as weights. Measured with 60 000 to 300 000 tokens, with merges and without."""

EMBEDDER_BYTES = 150_000_000
"""With the largest batch of passages; 107 MB before the first one. Measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Bytes that a loaded model takes, by cause."""

    weights: int
    cache: int
    work: int

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.work


def forecast(
    model: LibraryModel, *, n_ctx: int, n_slots: int, kv_type: KvType = "f16", flash: bool | None = None
) -> Forecast:
    """Estimate the memory of a model with a context window of `n_ctx` tokens in each slot, once one window is full.

    Args:
        flash: As `RunnerSpec.flash_attention`.
    """
    header = model.header
    if header is None:  # The embedded embedder: its weights shrink to a quarter when it is built.
        return Forecast(weights=EMBEDDER_BYTES, cache=0, work=0)
    cache, batch = 0, CHAT_BATCH_ROWS * _row_bytes(header)
    if model.can_chat:
        cache = sum(cache_by_layer(header, n_ctx=n_ctx, n_slots=n_slots, kv_type=kv_type))
        is_plain = may_be_plain(flash, kv_type)
        n_rows = rows_together(n_ctx) if is_plain else CHAT_BATCH_ROWS
        batch = batch_bytes(header, n_ctx, is_plain=is_plain, n_rows=n_rows)
    return Forecast(
        weights=model.size_bytes,
        cache=cache,
        work=PROCESS_BYTES + _vocabulary_bytes(header, n_slots) + batch,
    )


def cache_by_layer(header: GgufHeader, *, n_ctx: int, n_slots: int, kv_type: KvType) -> list[int]:
    """Return the bytes of the cache in each layer."""
    n_layers, state = header.block_count or 0, _state_bytes(header)
    values = [n_heads * (key + value) for n_heads, key, value in _heads(header)][:n_layers]
    values += [0] * (n_layers - len(values))
    return [round(count * KV_BYTES_PER_VALUE[kv_type] * n_ctx * n_slots) + state * n_slots for count in values]


def cache_problem(model: LibraryModel, kv_type: KvType) -> str:
    """Return why the cache of a model cannot be of that type; empty when it can.

    Source: llama.cpp's llama-context.cpp, `llama_init_from_model`.
    """
    if model.header is None or not model.can_chat or kv_type == "f16":
        return ""
    wrong = [size for _heads, *sizes in _heads(model.header) for size in sizes if size % KV_BLOCK]
    if not wrong:
        return ""
    return (
        f"a cache of type {kv_type} needs heads of a multiple of {KV_BLOCK} values, and those of this model have "
        f"{wrong[0]}"
    )


def _vocabulary_bytes(header: GgufHeader, n_slots: int) -> int:
    """Return the bytes of the vocabulary's tables, and of a row of scores for every slot."""
    return (header.vocabulary_size or 0) * (BYTES_PER_TOKEN + 4 * n_slots) + header.merge_count * BYTES_PER_MERGE


def batch_bytes(header: GgufHeader, n_ctx: int, *, is_plain: bool, n_rows: int) -> int:
    """Return the bytes that rows need on their way through a layer.

    Plain attention holds the queries, keys, values and results of its rows, the scores of all heads and their mask, as
    32-bit floats; the feed-forward part comes after it and reuses that memory. Flash attention has a mask of 16-bit
    floats and nothing else that lasts. That is llama.cpp's "compute buffer size", within 1 % for Qwen 2.5 and shapes
    like it. Beside it, plain attention has the scores once more, as 16-bit floats, when they meet the values.
    """
    if not is_plain:
        return n_rows * (_row_bytes(header) + 2 * n_ctx)
    n_heads = max(header.head_counts, default=0)
    keys_and_values = max((heads * (key + value) for heads, key, value in _heads(header)), default=0)
    attending = 4 * (5 * (header.embedding_length or 0) + keys_and_values + (n_heads + 1) * n_ctx)
    return n_rows * (max(attending, _row_bytes(header)) + 2 * n_heads * n_ctx)


def _row_bytes(header: GgufHeader) -> int:
    """Return the bytes of one row in the feed-forward part: three tensors as wide as it is and four as the model."""
    return 4 * (3 * _feed_forward(header) + 4 * (header.embedding_length or 0))


def _feed_forward(header: GgufHeader) -> int:
    """Return how many values one row has in the feed-forward part; of a mixture, in the experts that one row uses."""
    expert = _count(header, "expert_feed_forward_length")
    if expert:
        return expert * (_count(header, "expert_used_count") or 1) + _count(header, "expert_shared_feed_forward_length")
    return _count(header, "feed_forward_length") or 4 * (header.embedding_length or 0)


def _heads(header: GgufHeader) -> list[tuple[int, int, int]]:
    """Return for each layer how many heads have keys, and how many values a key and a value of one head have."""
    layers, width = header.block_count or 0, header.embedding_length or 0
    heads = _per_layer(header.head_counts, layers)
    heads_kv = _per_layer(header.head_counts_kv, layers) or heads
    key, value = _count(header, "attention.key_length"), _count(header, "attention.value_length")
    return [
        (n_heads_kv, key or usual, value or usual)
        for n_heads, n_heads_kv in zip(heads, heads_kv, strict=False)
        for usual in [width // n_heads if n_heads else 0]
    ]


def _state_bytes(header: GgufHeader) -> int:
    """Return the bytes of the state into which a recurrent layer folds the past of one slot, as 32-bit floats.

    Source: llama.cpp's llama-hparams.cpp, `n_embd_r` and `n_embd_s`.
    """
    inner, state = _count(header, "ssm.inner_size"), _count(header, "ssm.state_size")
    convolved = inner + 2 * _count(header, "ssm.group_count") * state
    rolling = max(0, _count(header, "ssm.conv_kernel") - 1) * convolved
    return 4 * (rolling + inner * state)


def _per_layer(counts: Sequence[int], layers: int) -> Sequence[int]:
    return list(counts) * layers if len(counts) == 1 else counts


def _count(header: GgufHeader, key: str) -> int:
    value = header.metadata.get(f"{header.architecture}.{key}")
    return value if isinstance(value, int) and value > 0 else 0
