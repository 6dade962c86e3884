"""Makes running text of lines as a page has them, and knows where each character came from.

A page's lines end where the paper ended. Joined again, sentences can be found and quoted; the list of edits
leads from an offset in the joined text back to the raw one, so that a passage can be marked on the page itself.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from rag.lexical.words import CJK, HANGUL

CONTROLS = "\x00-\x08\x0b\x0e-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
"""No letters, and nothing that a reader sees: controls, blanks without width, and marks that reorder text."""

_CJK_PUNCTUATION = "\u3001-\u3011\u3014-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff3d\uff5b-\uff65\u2018-\u201d\u2026"
# What is written without blanks between words; Korean has them.
_WIDE = f"[{CJK.replace(HANGUL, '')}{_CJK_PUNCTUATION}]"

_UNWANTED = re.compile(
    "(?P<crlf>\r\n?)"
    # pdfium writes U+FFFE (and older versions U+0002) for a hyphen that only breaks the line.
    "|(?P<hyphenation>[\u0002\ufffe\u00ad](?:\r?\n)?)"
    # From the beginning of a run alone, and never in part: else the time grows with the square of its length.
    "|(?P<blanks>(?<![ \t\u00a0])[ \t\u00a0]++(?=\r?\n|$))"
    rf"|(?P<between>(?<={_WIDE})[ \t\u00a0\u3000]+(?={_WIDE}))"
    f"|(?P<control>[{CONTROLS}\ufffd])"
    "|(?P<feed>\f)"
)
_LINE_END = re.compile("(?P<before>[^\n])\n(?=(?P<after>[^\n]))")
_MANY_LINES = re.compile("\n{3,}")
_ITEM = re.compile(
    r"\s*(?:[-*•‣▪◦–—·]\s|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s|[一二三四五六七八九十]+、|第[一二三四五六七八九十百\d]+[章节条])"
)
_CLOSES_SENTENCE = re.compile(r"[.!?:。！？：][\"'”’)\]」』）]*$")
# A line this much shorter than the page's full lines was ended on purpose.
_FULL_LINE = 0.7
# Lines that are all short were not wrapped: verse, addresses, lists.
_NARROWEST_COLUMN = 40


@dataclass(frozen=True, slots=True)
class Joined:
    """Text after a list of edits.

    `starts[i]` is an offset in `text`; from there to `starts[i + 1]` characters came from `raw + shifts[i]`.
    """

    text: str
    starts: tuple[int, ...]
    shifts: tuple[int, ...]

    def origin(self, offset: int) -> int:
        """Return the raw offset of a character of the text."""
        return offset + self.shifts[bisect_right(self.starts, offset) - 1]


def join_lines(raw: str) -> Joined:
    """Return a page's text with its hard-wrapped lines joined."""
    cleaned = _apply(raw, _cleaning(raw))
    joined = _apply(cleaned.text, _joints(cleaned.text))
    return _chain(joined, cleaned)


def clean(raw: str) -> str:
    """Return a text without controls and superfluous blanks, its lines kept: for text whose lines mean something."""
    return _apply(raw, _cleaning(raw)).text


Edit = tuple[int, int, str]
_REPLACEMENTS = {"crlf": "\n", "feed": "\n"}


def _cleaning(raw: str) -> list[Edit]:
    edits = [
        (found.start(), found.end(), _REPLACEMENTS.get(found.lastgroup or "", "")) for found in _UNWANTED.finditer(raw)
    ]
    return edits


def _joints(text: str) -> list[Edit]:
    edits = [(found.start() + 2, found.end(), "") for found in _MANY_LINES.finditer(text)]
    full = _full_line_width(text)
    if full < _NARROWEST_COLUMN:
        return edits
    for found in _LINE_END.finditer(text):
        start = text.rfind("\n", 0, found.end() - 1) + 1
        end = text.find("\n", found.end())
        line = text[start : found.end() - 1]
        following = text[found.end() : end if end >= 0 else len(text)]
        if _is_wrapped(line, following, full):
            edits.append((found.end() - 1, found.end(), _joint(found["before"], found["after"])))
    return sorted(edits)


def _full_line_width(text: str) -> float:
    """Return the width that lines have which were wrapped: the upper tenth's, so that headings do not count."""
    widths = sorted(_width(line) for line in text.split("\n") if line)
    return widths[int(len(widths) * 0.9)] if widths else 0


def _width(line: str) -> float:
    """Return the columns a line takes; wide characters take two (and three bytes of UTF-8)."""
    return (len(line.encode("utf-8", errors="replace")) + len(line)) / 2


def _is_wrapped(line: str, following: str, full: float) -> bool:
    width = _width(line)
    if width < full * _FULL_LINE or _ITEM.match(following):
        return False
    return not (_CLOSES_SENTENCE.search(line) and width < full * 0.85)


def _joint(before: str, after: str) -> str:
    if before == "-" and after.islower():
        return ""
    if re.match(_WIDE, before) and re.match(_WIDE, after):
        return ""
    return " "


def _apply(text: str, edits: list[Edit]) -> Joined:
    pieces: list[str] = []
    starts, shifts = [0], [0]
    position = length = 0
    for start, end, replacement in edits:
        pieces += (text[position:start], replacement)
        length += start - position + len(replacement)
        position = end
        starts.append(length)
        shifts.append(position - length)
    pieces.append(text[position:])
    return Joined("".join(pieces), tuple(starts), tuple(shifts))


def _chain(outer: Joined, inner: Joined) -> Joined:
    """Return the map through both: breaks wherever either of them has one."""
    ends = zip(outer.starts, [*outer.starts[1:], len(outer.text) + 1], outer.shifts, strict=True)
    starts: list[int] = []
    shifts: list[int] = []
    for start, end, shift in ends:
        if start == end:
            continue
        first = bisect_right(inner.starts, start + shift) - 1
        for i in range(first, len(inner.starts)):
            begin = max(start, inner.starts[i] - shift)
            if begin >= end:
                break
            starts.append(begin)
            shifts.append(shift + inner.shifts[i])
    return Joined(outer.text, tuple(starts), tuple(shifts))
