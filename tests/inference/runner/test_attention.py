from __future__ import annotations

import pytest

from inference.runner.attention import Attention, attention
from inference.runner.types import KvType


@pytest.mark.parametrize(
    ("flash", "kv_type", "on_cards", "sees_whole", "way"),
    [
        (None, "f16", False, False, Attention(flash=False, n_rows=128)),
        (False, "f16", False, False, Attention(flash=False, n_rows=128)),
        (True, "f16", False, False, Attention(flash=True)),
        (None, "q8_0", False, False, Attention()),
        (None, "q4_0", False, False, Attention()),
        (None, "f16", True, False, Attention()),
        (False, "f16", True, False, Attention(flash=False)),
        (None, "f16", False, True, Attention()),
    ],
)
def test_processors_attend_the_plain_way_unless_something_forbids_it(
    flash: bool | None, kv_type: KvType, on_cards: bool, sees_whole: bool, way: Attention
) -> None:
    assert attention(flash, kv_type, 4096, on_cards=on_cards, sees_whole=sees_whole) == way


@pytest.mark.parametrize(("n_ctx", "n_rows"), [(1, 128), (32768, 128), (65536, 64), (131072, 32), (1 << 20, 32)])
def test_fewer_rows_go_together_in_the_widest_windows(n_ctx: int, n_rows: int) -> None:
    assert attention(None, "f16", n_ctx, on_cards=False, sees_whole=False).n_rows == n_rows
