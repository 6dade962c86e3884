from __future__ import annotations

import pytest

from inference.library.gguf_format import BLOCKS
from inference.quantizations import BITS_PER_WEIGHT, OFFERED, best_quantization, weight_bytes


def test_plain_types_take_what_their_blocks_say() -> None:
    plain = {name: n_bytes * 8 / n_weights for name, n_weights, n_bytes in BLOCKS.values()}

    for name in ("F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0"):
        assert BITS_PER_WEIGHT[name] == plain[name]


def test_mixed_types_take_more_than_their_smallest_blocks() -> None:
    plain = {name: n_bytes * 8 / n_weights for name, n_weights, n_bytes in BLOCKS.values()}

    for name in ("Q6_K", "IQ4_NL", "IQ4_XS", "IQ3_XXS", "Q2_K", "IQ2_XXS"):
        assert -0.01 < BITS_PER_WEIGHT[name] - plain[name] < 0.6


@pytest.mark.parametrize(("name", "gigabytes"), [("F16", 14.96), ("Q8_0", 7.95), ("Q4_K_M", 4.58), ("Q2_K", 2.95)])
def test_the_sizes_of_real_files_come_out(name: str, gigabytes: float) -> None:
    """Source: the sizes of Llama 3.1 8B, 8.03 billion parameters, in llama.cpp's tools/quantize/README.md."""
    assert weight_bytes(8_030_000_000, BITS_PER_WEIGHT[name]) / 2**30 == pytest.approx(gigabytes, rel=0.01)


def test_the_best_that_has_room_is_named() -> None:
    assert best_quantization(7 * 10**9, 100 * 10**9) == OFFERED[0]
    assert best_quantization(7 * 10**9, 5 * 10**9) == "Q5_K_M"
    assert best_quantization(7 * 10**9, 10**9) == ""
