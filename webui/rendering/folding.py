"""Which questions are so long that their page shows the beginning alone until its reader asks for the rest."""

from __future__ import annotations

from typing import Final

LONG_LINES: Final = 16
"""More of them are folded to twelve (`message.css`): folding away one or two would be a click for nothing."""
_LINE_CHARS: Final = 72
"""What goes into a line of a bubble on a wide screen, about."""
_FIRST_WIDE: Final = "\u2e80"


def is_long(text: str) -> bool:
    """Tell whether a text as a person typed it takes more than `LONG_LINES` lines."""
    n_lines = 0
    for line in text.split("\n", LONG_LINES):
        n_lines += 1 + text_width(line[: LONG_LINES * _LINE_CHARS]) // _LINE_CHARS
        if n_lines > LONG_LINES:
            return True
    return False


def text_width(text: str) -> int:
    """Return how wide a text is, about, in characters; a Chinese one counts twice."""
    return len(text) + sum(character >= _FIRST_WIDE for character in text)
