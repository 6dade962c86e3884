"""Texts as code in Markdown."""

from __future__ import annotations

import re

_TICKS = re.compile("`{3,}")


def fenced(said: str, language: str = "") -> str:
    """Return a text as code, with a fence longer than any in it."""
    fence = "`" * (max(map(len, _TICKS.findall(said)), default=2) + 1)
    return f"{fence}{language}\n{said}\n{fence}"
