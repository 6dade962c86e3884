"""Folding: text in which capitals, accents and full-width forms make no difference."""

from __future__ import annotations

import unicodedata
from itertools import accumulate

_FIRST_BEYOND_EUROPE = 0x530
"""Below are Latin, Greek and Cyrillic letters, whose accents people leave out. Elsewhere marks are parts of letters."""


class _Folded(dict[int, str]):
    """What each character becomes, found out when it is first met; mostly one character."""

    def __missing__(self, code: int) -> str:
        char = unicodedata.normalize("NFKC", chr(code)).casefold()
        bare = unicodedata.normalize("NFD", char)
        if bare and ord(bare[0]) < _FIRST_BEYOND_EUROPE:
            char = "".join(part for part in bare if not 0x300 <= ord(part) < 0x370)
        self[code] = char
        return char


_folded = _Folded()


def fold(text: str) -> str:
    """Return a text as it is compared with others."""
    return text.lower() if text.isascii() else text.translate(_folded)


def folded_offsets(text: str) -> list[int]:
    """Return where each character of a text begins in the folded text; one more at the end."""
    if text.isascii():
        return list(range(len(text) + 1))
    return list(accumulate((len(_folded[ord(char)]) for char in text), initial=0))
