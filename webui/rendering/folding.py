"""Which questions are so long that their page shows the beginning alone until its reader asks for the rest."""

from __future__ import annotations

from typing import Final

LONG_LINES: Final = 16
"""More of them are folded to twelve (`message.css`): folding away one or two would be a click for nothing."""
_LINE_CHARS: Final = 72
"""What goes into a line of a bubble on a wide screen, about; a Chinese character counts twice."""
_FIRST_WIDE: Final = "\u2e80"


def is_long(text: str) -> bool:
    """Tell whether a text as a person typed it takes more than `LONG_LINES` lines."""
    n_lines = 0
    for line in text.split("\n", LONG_LINES):
        n_wide = sum(character >= _FIRST_WIDE for character in line[: LONG_LINES * _LINE_CHARS])
        n_lines += 1 + (len(line) + n_wide) // _LINE_CHARS
        if n_lines > LONG_LINES:
            return True
    return False
