"""Which passages an answer refers to. A number that names no passage is text, never a citation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.types import Passage

_CODE = re.compile(
    r"(?P<fence>^[ ]{0,3}(?P<marks>`{3,}|~{3,})[^\n]*\n.*?(?:^[ ]{0,3}(?P=marks)|\Z))|(?P<ticks>`+).+?(?P=ticks)",
    re.M | re.S,
)  # noqa: E501
_MARKER = re.compile(r"(?<!\\)\[(\d{1,3})\]")


def cited_numbers(answer: str, n_passages: int) -> tuple[int, ...]:
    """Return the passage numbers that an answer's [n] markers name, each once, by first mention. Code does not cite."""
    numbers = (int(found[1]) for found in _MARKER.finditer(_CODE.sub(" ", answer)))
    return tuple(dict.fromkeys(number for number in numbers if 1 <= number <= n_passages))


def cited_passages(answer: str, passages: Sequence[Passage]) -> dict[int, Passage]:
    """Return the passages that an answer refers to, by their number."""
    return {number: passages[number - 1] for number in cited_numbers(answer, len(passages))}
