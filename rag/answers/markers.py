"""The marks by which an answer cites: [1], and the other forms that models write. Pure, for whoever reads answers.

These cite: [1] [1, 3] [1-3] [^1] [passage 1] 【1】 【1†source】 ［1］ (passage 1) （段落1）.
These do not, because they mean other things as often: (1), ^1, superscripts, a bare "Passage 1".
A mark that names a number without a passage is text as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_RANGE = r"\d{1,3}(?:\s{0,3}[-‐‑–—~～]\s{0,3}\d{1,3})?"
_NOUN = "(?:passages?|sources?|段落|来源|來源)"
_WIDER_NOUN = rf"(?:{_NOUN}|citations?|references?|refs?\.?|documents?|docs?\.?|引用|文档|文檔|资料|資料)"
_AND = r"\s{0,3}(?:[,，、;；&]|and|和|与|與)\s{0,3}"
_LIST = rf"{_RANGE}(?:{_AND}(?:{_WIDER_NOUN}\s{{0,3}})?{_RANGE}){{0,9}}"
_NUMBERED = rf"(?:{_WIDER_NOUN}\s{{0,3}}[:：#]?\s{{0,3}})?({_LIST})"
MARKER = re.compile(
    rf"(?<!\\)\[\s{{0,3}}{_NUMBERED}\s{{0,3}}\](?!\()"
    r"|(?<!\\)\[\^(\d{1,3})\](?![:(])"
    rf"|【\s{{0,3}}{_NUMBERED}\s{{0,3}}(?:[†:：][^】\n]{{0,60}})?】"
    rf"|［\s{{0,3}}{_NUMBERED}\s{{0,3}}］"
    rf"|[(（]\s{{0,3}}{_NOUN}\s{{0,3}}[:：#]?\s{{0,3}}({_LIST})\s{{0,3}}[)）]",
    re.I,
)
_SPAN = re.compile(r"(\d{1,3})(?:\s{0,3}[-‐‑–—~～]\s{0,3}(\d{1,3}))?")
_LONGEST_RANGE = 10
_OPENINGS = "[【［(（"


def numbers_of(mark: re.Match[str], known: Collection[int]) -> list[int]:
    """Return the passages that a match of MARKER names, each once; none unless all of them are known."""
    numbers: list[int] = []
    for span in _SPAN.finditer(next(filter(None, mark.groups()))):
        first, last = int(span[1]), int(span[2] or span[1])
        if not first <= last < first + _LONGEST_RANGE:
            return []
        numbers += range(first, last + 1)
    return list(dict.fromkeys(numbers)) if all(number in known for number in numbers) else []


def may_cite(answer: str) -> bool:
    return MARKER.search(answer) is not None


def without_marks(text: str) -> str:
    """Return a text with its own marks as (1): an answer that repeats them must not cite. Indices of code stay."""
    if not any(opening in text for opening in _OPENINGS):
        return text
    return MARKER.sub(_plain, text)


def _plain(mark: re.Match[str]) -> str:
    before = mark.string[mark.start() - 1 : mark.start()]
    if mark[0].startswith("[") and (before.isascii() and before.isalnum() or before in ("_", ")", "]")):
        return mark[0]
    return f"({next(filter(None, mark.groups()))})"
