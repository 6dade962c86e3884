"""What a model takes by its number of parameters alone: rules of thumb, where the forecast of a real file wins.

All sizes are decimal, as model sizes are quoted: 1 GB is 10^9 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inference.quantizations import BITS_PER_WEIGHT, weight_bytes

GIGABYTE = 10**9
KV_BYTES_PER_VALUE = 2
OVERHEAD = (1.2, 1.4)
"""Running takes the weights times this: context of some users, working memory, the process itself."""
TRAINING = (2, 3)
"""Training takes what running takes, times this: gradients and the optimiser's state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a model takes in one format, in bytes: the weights, and everything while it runs."""

    name: str
    bits_per_weight: float
    weights: int

    @property
    def least(self) -> int:
        return round(self.weights * OVERHEAD[0])

    @property
    def most(self) -> int:
        return round(self.weights * OVERHEAD[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the cache of a model depends on.

    Attributes:
        n_layers, n_heads_kv, head_size: As the model's file says (`block_count`, `head_count_kv`, `key_length`).
    """

    n_layers: int
    n_heads_kv: int
    head_size: int


RAM_RULES: Sequence[tuple[int, int]] = ((3, 8), (7, 16), (13, 32))
"""(billions of parameters, GB of RAM in the machine) that guides to Ollama name."""


def sizes_by_precision(n_parameters: int) -> list[Size]:
    """FP32, FP16, INT8 and INT4: parameters times 4, 2, 1 and a half byte."""
    return [
        Size(name=name, bits_per_weight=bits, weights=weight_bytes(n_parameters, bits))
        for name, bits in (("FP32", 32), ("FP16", 16), ("INT8", 8), ("INT4", 4))
    ]


def sizes_by_quantization(n_parameters: int) -> list[Size]:
    return [
        Size(name=name, bits_per_weight=bits, weights=weight_bytes(n_parameters, bits))
        for name, bits in BITS_PER_WEIGHT.items()
    ]


def cache_bytes(shape: Shape, *, context_length: int, n_users: int) -> int:
    """Return the keys and values of so many tokens for each of some users, as 16-bit floats."""
    per_token = 2 * shape.n_layers * shape.n_heads_kv * shape.head_size * KV_BYTES_PER_VALUE
    return per_token * context_length * n_users
