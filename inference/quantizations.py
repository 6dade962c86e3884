"""How many bits a weight takes in each of GGUF's types, and what follows from that for the size of a model.

A file of one type has all its large tensors in it, and a few small ones in others; the numbers here are those of
whole files, so that parameters times bits come within some percent of the size of real ones.

Source: for the plain types the block sizes of ggml-common.h; for the mixed ones the table in llama.cpp's
tools/quantize/README.md, measured there on Llama 3.1 8B.
"""

from __future__ import annotations

from collections.abc import Mapping

BITS_PER_WEIGHT: Mapping[str, float] = {
    "F32": 32.0,
    "F16": 16.0,
    "BF16": 16.0,
    "Q8_0": 8.5,
    "Q6_K": 6.56,
    "Q5_K_M": 5.7,
    "Q5_K_S": 5.57,
    "Q5_1": 6.0,
    "Q5_0": 5.5,
    "Q4_K_M": 4.89,
    "Q4_K_S": 4.67,
    "Q4_1": 5.0,
    "Q4_0": 4.5,
    "IQ4_NL": 4.68,
    "IQ4_XS": 4.46,
    "Q3_K_L": 4.3,
    "Q3_K_M": 4.0,
    "Q3_K_S": 3.64,
    "IQ3_XXS": 3.25,
    "Q2_K": 3.16,
    "IQ2_XXS": 2.38,
}
"""From the largest to the smallest, those that people meet."""

OFFERED = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
"""What most publishers offer of a model, the best first; these are named as advice."""


def weight_bytes(n_parameters: int, bits_per_weight: float) -> int:
    return round(n_parameters * bits_per_weight / 8)


def best_quantization(n_parameters: int, room_bytes: int) -> str:
    """Return the best of the common types whose weights take at most so many bytes; empty when none does."""
    return next((name for name in OFFERED if weight_bytes(n_parameters, BITS_PER_WEIGHT[name]) <= room_bytes), "")
