"""Automatic titles: the first words of the first question."""

from __future__ import annotations

import re

AUTOMATIC_TITLE_MAX_CHARS = 60

_MARKS = re.compile(r"^[\s#>*\-`~]+|[`*]+")
_SPACES = re.compile(r"\s+")


def first_words(text: str) -> str:
    """Return a title made of the text's first line with words in it; empty when it has none."""
    for line in text.splitlines():
        words = _SPACES.sub(" ", _MARKS.sub("", line)).strip()
        if words:
            return _shortened(words)
    return ""


def _shortened(words: str) -> str:
    if len(words) <= AUTOMATIC_TITLE_MAX_CHARS:
        return words
    cut = words[: AUTOMATIC_TITLE_MAX_CHARS - 1]
    at_a_space, _, _ = cut.rpartition(" ")
    # Text without spaces (Chinese, a long address) is cut where the room ends.
    return (at_a_space if len(at_a_space) > AUTOMATIC_TITLE_MAX_CHARS // 2 else cut).rstrip(" ,;:.") + "…"
