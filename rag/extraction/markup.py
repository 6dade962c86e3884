"""The text of a tree of HTML elements: lines as a browser would break them, headings, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from rag.extraction import layout
from rag.extraction.rows import one_line, row_lines
from rag.extraction.sections import Sections

_WITHOUT_TEXT = (
    "script", "style", "noscript", "noframes", "template", "nav", "svg", "math", "iframe", "object", "embed", "canvas",
    "audio", "video", "select", "textarea", "button",
)  # fmt: skip
# Elements that do not break the line; all others do, also those that nobody knows.
_INLINE = frozenset((
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img",
    "ins", "kbd", "label", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub",
    "sup", "time", "tt", "u", "var", "wbr",
))  # fmt: skip
_HEADING = re.compile(r"h([1-6])$")
_BLANKS = re.compile(r"\s+")
# A table with these inside lays a page out.
_LAYOUT = ".//table | .//h1 | .//h2 | .//h3 | .//p[2] | .//ul | .//ol"


def sections_of(root: Any) -> Sections:
    """Return the text of a tree, cut at its headings. Scripts, styles and menus are left out, and of the tree too."""
    etree.strip_elements(root, etree.Comment, etree.ProcessingInstruction, etree.Entity, with_tail=False)
    title = one_line(root.findtext(".//title") or "")
    etree.strip_elements(root, "head", *_WITHOUT_TEXT, with_tail=False)
    for hidden in root.xpath(".//*[@hidden]"):
        hidden.clear(keep_tail=True)
    writer = _Writer()
    if title and root.find(".//h1") is None:
        writer.sections.add_heading(1, title)
    # A walk with events, not a recursion: a file may be nested as deeply as it likes.
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        if event == "start" and writer.begin(element):
            walk.skip_subtree()
        elif event == "end":
            writer.end(element)
    writer.break_line()
    return writer.sections


class _Writer:
    """Collects the text between two line breaks."""

    def __init__(self) -> None:
        self.sections = Sections()
        self._pieces: list[str] = []
        self._bullet = ""
        self._n_pre = 0

    def begin(self, element: Any) -> bool:
        """Take an element's beginning; return True when all inside it has been taken."""
        tag = element.tag
        if tag not in _INLINE:
            self.break_line()
        if tag == "li":
            self._bullet = "- "
        elif tag == "pre":
            self._n_pre += 1
        elif tag == "table" and not element.xpath(_LAYOUT):
            for line in row_lines(_rows(element)):
                self.sections.add_line(line)
            return True
        self._add(element.text)
        return False

    def end(self, element: Any) -> None:
        heading = _HEADING.match(element.tag)
        if heading:
            self._end_heading(int(heading[1]))
        elif element.tag not in _INLINE:
            self.break_line()
        if element.tag == "pre":
            self._n_pre -= 1
        self._add(element.tail)

    def break_line(self) -> None:
        text = "".join(self._pieces)
        self._pieces.clear()
        lines = text.splitlines() if self._n_pre else [_one_line(text)]
        for line in filter(str.strip, lines):
            self.sections.add_line(self._bullet + line.rstrip())
            self._bullet = ""

    def _end_heading(self, level: int) -> None:
        text = _one_line("".join(self._pieces))
        self._pieces.clear()
        if text:
            self.sections.add_heading(level, text)

    def _add(self, text: str | None) -> None:
        if text:
            self._pieces.append(text if self._n_pre else _BLANKS.sub(" ", text))


def _rows(table: Any) -> Iterator[list[str]]:
    for row in table.iter("tr"):
        yield [_one_line(" ".join(cell.itertext())) for cell in row.iterchildren("td", "th")]


def _one_line(text: str) -> str:
    """Source lines of Chinese break anywhere, and the blank that stands for such a break is none."""
    return layout.clean(one_line(text))
