"""How much of a model a graphics card can take whose memory is too small for all of it.

llama.cpp puts layers on a card from the last one on; each takes its weights and its share of the context along. The
embeddings of the tokens always stay with the processor.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from inference.errors import BadModelFile
from inference.library.gguf import GgufHeader, Tensor, read_tensors
from inference.library.gguf_format import BLOCKS
from inference.library.names import all_parts
from inference.runner.types import CHAT_BATCH_ROWS, RunnerSpec
from inference.server.forecast import batch_bytes, cache_by_layer

CARD_MARGIN_BYTES = 1024**3
"""Of each card, left to its driver and to others. Source: llama.cpp's common.h, `fit_params_target`."""

_LAYER = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes of the weights of each layer, in order, and of what turns the last one into scores."""

    layers: tuple[int, ...]
    output: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offload:
    """What of a model fits on the cards.

    Attributes:
        n_layers: As the option `num_gpu` counts them: the output is the first, and then come the layers from the last.
        n_all: With so many, all of it is there.
        card_bytes: What they take there.
    """

    n_layers: int
    n_all: int
    card_bytes: int


def offload(header: GgufHeader, weights: Weights, spec: RunnerSpec, free_bytes: Sequence[int]) -> Offload:
    """Return how many layers fit on cards with so much free memory, each with its margin."""
    cache = cache_by_layer(header, n_ctx=spec.n_ctx, n_slots=spec.n_slots, kv_type=spec.kv_type)
    layers = [own + share for own, share in zip(weights.layers, cache, strict=True)]
    room = sum(max(0, free - CARD_MARGIN_BYTES) for free in free_bytes)
    taken = batch_bytes(header, spec.n_ctx, is_plain=spec.flash_attention is False, n_rows=CHAT_BATCH_ROWS)
    n_layers = 0
    for size in (weights.output, *reversed(layers)):
        if taken + size > room:
            break
        taken += size
        n_layers += 1
    return Offload(n_layers=n_layers, n_all=len(layers) + 1, card_bytes=taken if n_layers else 0)


@lru_cache(maxsize=256)
def weights_of(path: Path, _digest: str, n_layers: int) -> Weights | None:
    """Read what the layers of a model take; None when its files have changed since it was listed.

    Args:
        _digest: Of the model: other content is read anew.
    """
    layers, output, embeddings = [0] * n_layers, 0, 0
    try:
        for part in all_parts(path):
            for name, tensor in read_tensors(part).items():
                layer = _LAYER.match(name)
                if layer and int(layer.group(1)) < n_layers:
                    layers[int(layer.group(1))] += _bytes_of(tensor)
                elif name == "output.weight":
                    output = _bytes_of(tensor)
                elif name == "token_embd.weight":
                    embeddings = _bytes_of(tensor)
    except BadModelFile:
        return None
    # A model without an output matrix of its own has the embeddings there a second time.
    return Weights(tuple(layers), output or embeddings)


def _bytes_of(tensor: Tensor) -> int:
    _name, block, block_bytes = next(kind for kind in BLOCKS.values() if kind[0] == tensor.type_name)
    n_weights = 1
    for dimension in tensor.dimensions:
        n_weights *= dimension
    return n_weights // block * block_bytes
