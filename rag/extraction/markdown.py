"""Markdown files: their text as it is, cut at its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from rag.extraction import limits, plain
from rag.extraction.pages import short_name
from rag.extraction.sections import Headings
from rag.types import MARKDOWN, Extraction

# Source: CommonMark 0.31.2, "ATX headings", "Setext headings", "Fenced code blocks".
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t](.*))?$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_PARAGRAPH = re.compile(r" {0,3}(?![ \t#>|`~]|[-*+][ \t]|\d{1,9}[.)][ \t]|<)\S")
_FRONT_MATTER = re.compile(r"---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.S)
# Names are cut to less; what is longer than that is no heading, but lines that nobody ended.
_TITLE_MAX_LENGTH = 1000
_MARKUP = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])?|<[^>]*>|(?:\*\*|__|\*|`|~~)")


def extract(data: bytes) -> Extraction:
    """Return the text of a file, a section under each heading; what stands before the first has no path."""
    extraction = plain.extract(data, MARKDOWN)
    if extraction.problem:
        return extraction
    text = extraction.text
    headings = Headings()
    starts, names = [0], [""]
    for start, level, title in _headings(text):
        headings.add(level, title)
        if start == 0:
            names[0] = headings.path
            continue
        starts.append(start)
        names.append(headings.path)
    if len(starts) == 1 and not names[0] or len(starts) > limits.MAX_PAGES:
        return extraction
    # The line feed before a heading belongs to neither section.
    spans = tuple((start, after - 1) for start, after in pairwise([*starts, len(text) + 1]))
    return Extraction(
        media_type=MARKDOWN, text=text, page_spans=spans, page_names=tuple(short_name(name) for name in names)
    )


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (offset of its line, level, title) of each heading."""
    front = _FRONT_MATTER.match(text)
    position = front.end() if front else 0
    fence = ""
    is_comment = False
    paragraph: tuple[int, str] | None = None
    for line in text[position:].split("\n"):
        start, position = position, position + len(line) + 1
        before, paragraph = paragraph, None
        if fence:
            fence = "" if _closes(fence, line) else fence
        elif is_comment or line.lstrip().startswith("<!--"):
            is_comment = "-->" not in line
        elif found := _FENCE.match(line):
            fence = found[1]
        elif found := _HEADING.match(line):
            if title := _plain(_without_closing(found[2] or "")):
                yield start, len(found[1]), title
        elif before and (found := _UNDERLINE.match(line)):
            if title := _plain(before[1]):
                yield before[0], 1 if found[1][0] == "=" else 2, title
        elif _PARAGRAPH.match(line):
            # A heading of several lines begins with the first of them.
            first, above = before or (start, "")
            paragraph = (first, f"{above} {line.strip()}" if len(above) < _TITLE_MAX_LENGTH else above)


def _closes(fence: str, line: str) -> bool:
    mark = line.strip()
    return len(mark) >= len(fence) and not mark.strip(fence[0])


def _without_closing(title: str) -> str:
    """Return a heading without the hashes that may close it, as in "## Title ##"."""
    title = title.strip(" \t")
    opened = title.rstrip("#")
    return opened if not opened or opened[-1] in " \t" else title


def _plain(title: str) -> str:
    return " ".join(_MARKUP.sub(lambda found: found[1] or "", title[:_TITLE_MAX_LENGTH]).split())
