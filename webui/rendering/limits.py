"""How much is rendered in one go. Work is bounded by size, not by a clock, so that the same text always looks the same.

Measured on two shared cores: a 2000-column table took 1.1 s and a 54 kB code block 0.34 s before these caps.
"""

from __future__ import annotations

MAX_TEXT_CHARS = 200_000
"""Longer texts are shown as they are, without Markdown."""

MAX_INLINE_CHARS = 12_000
"""One paragraph, heading or cell. Inline rules look ahead as far as the text goes: their cost grows with the square."""

MAX_TABLE_CELLS = 1_500

MAX_BLOCK_NESTING = 24
"""Quotes in lists in quotes. What lies deeper is shown as text instead of being parsed."""

MAX_CODE_CHARS = 20_000
"""Longer code keeps its frame and its copy button, without colours."""

MAX_TEX_CHARS = 2_000
MAX_TEX_NESTING = 40
MAX_FORMULAS_PER_INLINE = 60
"""Further formulas of the same paragraph are shown as TeX."""
