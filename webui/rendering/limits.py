"""How much is rendered in one go. Work is bounded by size, not by a clock, so that the same text always looks the same.

Measured on two shared cores before these caps: a 2000-column table 1.1 s, 54 kB of code 0.34 s, 200 kB of `[` 18 s.
With them the worst text that we found takes about one second, and an ordinary one of 100 kB a quarter of that.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_TEXT_CHARS = 200_000
MAX_TEXT_LINES = 10_000
MAX_TEXT_BRACKETS = 10_000
"""Each `[` could begin a link, an image, a footnote or a citation: the dearest character there is, at 50-90 us."""
IMAGE_WEIGHT = 5
"""An opening `![` costs as much as so many brackets: as an image it is looked for a second time, ahead."""

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


@dataclass(slots=True)
class TextSize:
    """What a text costs at most; grows with the text."""

    chars: int = 0
    lines: int = 0
    brackets: int = 0
    _last: str = ""

    def add(self, text: str) -> None:
        self.chars += len(text)
        self.lines += text.count("\n") + text.count("\r")
        # A piece may end between the two characters.
        n_images = text.count("![") + (self._last == "!" and text.startswith("["))
        self.brackets += text.count("[") + (IMAGE_WEIGHT - 1) * n_images
        self._last = text[-1:] or self._last

    @property
    def is_too_large(self) -> bool:
        """Longer texts are shown as they are, without Markdown."""
        return self.chars > MAX_TEXT_CHARS or self.lines > MAX_TEXT_LINES or self.brackets > MAX_TEXT_BRACKETS
