"""The piece of a text around what was found in it, in parts: marked and not. No I/O."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from webui.chats.search.folding import fold, folded_offsets

SNIPPET_CHARS = 240
_BEFORE_CHARS = 60
_MAX_MARKS = 200
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Part:
    text: str
    is_marked: bool = False


Span = tuple[int, int]


def has_all(text: str, patterns: Sequence[re.Pattern[str]]) -> bool:
    folded = fold(text)
    return all(pattern.search(folded) for pattern in patterns)


def marked(text: str, patterns: Sequence[re.Pattern[str]]) -> list[Part]:
    """Return a whole text in parts."""
    return _parts(text, _spans(text, patterns), (0, len(text)))


def snippet(text: str, patterns: Sequence[re.Pattern[str]], *, max_chars: int = SNIPPET_CHARS) -> list[Part]:
    """Return the piece of a text that has the most marks, its beginning if there are none. Blanks become one space."""
    spans = _spans(text, patterns)
    starts = [_start_before(text, span[0]) for span in spans]
    # The first of several that have as much.
    start = max(starts, key=lambda start: _n_within(spans, start, max_chars), default=0)
    end = _end_after(text, start + max_chars)
    parts = [Part("…")] if start else []
    parts += _parts(text, spans, (start, end))
    return [*parts, Part("…")] if end < len(text) else parts


def _spans(text: str, patterns: Sequence[re.Pattern[str]]) -> list[Span]:
    """Return where the patterns stand in a text, joined where they meet."""
    folded, offsets = fold(text), folded_offsets(text)
    found = sorted(
        (bisect_right(offsets, match.start()) - 1, bisect_right(offsets, match.end() - 1))
        for pattern in patterns
        for match in islice(pattern.finditer(folded), _MAX_MARKS)
    )
    joined: list[Span] = []
    for start, end in found:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _n_within(spans: Sequence[Span], start: int, max_chars: int) -> int:
    return sum(start <= span[0] and span[1] <= start + max_chars for span in spans)


def _start_before(text: str, at: int) -> int:
    """Return where a snippet begins that is to show `at`: at the beginning of a word, if one is near."""
    earliest = max(0, at - _BEFORE_CHARS)
    blank = _BLANKS.search(text, max(0, earliest - 1), at) if earliest else None
    return blank.end() if blank and blank.end() < at else earliest


def _end_after(text: str, at: int) -> int:
    if at >= len(text):
        return len(text)
    blank = max(text.rfind(" ", at - _BEFORE_CHARS // 2, at), text.rfind("\n", at - _BEFORE_CHARS // 2, at))
    return blank if blank > 0 else at


def _parts(text: str, spans: Sequence[Span], within: Span) -> list[Part]:
    parts: list[Part] = []
    at, last = within
    for start, end in spans:
        if end <= at or start >= last:
            continue
        parts += [Part(text[at:start]), Part(text[max(start, at) : min(end, last)], is_marked=True)]
        at = min(end, last)
    parts.append(Part(text[at:last]))
    return [Part(_BLANKS.sub(" ", part.text), part.is_marked) for part in parts if part.text]
