"""Which way a chat model attends to the tokens before, and how many rows go through its layers together.

llama.cpp has two ways. Flash attention keeps no scores, which graphics cards are made for; on processors it takes each
row through the cache one token after the other. The plain way writes the scores of all heads down and goes through the
cache as through any other matrix: a token after 2,000 others comes two to three times as fast, and a prompt as fast as
before. What it writes down grows with the window, so that fewer rows go together; decision 0012 has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference.runner.types import KvType

MOST_ROWS = 128
FEWEST_ROWS = 32
MOST_SCORES = 1 << 22
"""Of one head: rows times window. A window of 32,768 tokens still has MOST_ROWS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What a context is made with.

    Attributes:
        flash: None leaves the choice to llama.cpp.
        n_rows: Rows that go through the layers together; None takes all of a batch.
    """

    flash: bool | None = None
    n_rows: int | None = None


def attention(flash: bool | None, kv_type: KvType, n_ctx: int, *, on_cards: bool, sees_whole: bool) -> Attention:
    """Return the way for a context window of `n_ctx` tokens.

    Args:
        flash: What was asked for; None takes what is fastest.
        on_cards: Layers may be on a graphics card.
        sees_whole: All rows of an image see each other, and so have to go together.
    """
    if on_cards or sees_whole or not may_be_plain(flash, kv_type):
        return Attention(flash=flash)
    return Attention(flash=False, n_rows=rows_together(n_ctx))


def may_be_plain(flash: bool | None, kv_type: KvType) -> bool:
    """Whether a model on processors attends the plain way; a smaller type of the cache is for flash attention only."""
    return not flash and kv_type == "f16"


def rows_together(n_ctx: int) -> int:
    return max(FEWEST_ROWS, min(MOST_ROWS, MOST_SCORES // n_ctx))
