"""Word documents: headings, paragraphs, lists and tables in their order, cut at the headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

from docx.enum.style import WD_STYLE_TYPE
from docx.exceptions import PythonDocxError
from docx.opc.constants import CONTENT_TYPE
from docx.opc.exceptions import OpcError
from docx.opc.part import PartFactory
from docx.oxml.ns import qn
from docx.package import Package
from docx.parts.document import DocumentPart
from lxml import etree

from rag.errors import Unreadable
from rag.extraction import packages
from rag.extraction.damage import damage_is_a_problem
from rag.extraction.pages import join_pages, with_text
from rag.extraction.rows import one_line, row_lines
from rag.extraction.sections import Sections
from rag.types import DOCX, Extraction, Problem

# python-docx opens plain documents only. Templates and files with macros are the same inside; macros are not looked at.
_MAIN_PARTS = (
    CONTENT_TYPE.WML_DOCUMENT_MAIN,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    "application/vnd.ms-word.document.macroEnabled.main+xml",
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
)
_PARAGRAPH, _TABLE, _ROW, _CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_TEXTS = (qn("w:t"), f"{_MATH}t")
_SIGNS = {qn("w:tab"): "\t", qn("w:noBreakHyphen"): "-"}
_BREAKS = (qn("w:br"), qn("w:cr"), _PARAGRAPH)
# Between the parts of a formula.
_MATH_SIGNS = {f"{_MATH}sup": "^", f"{_MATH}sub": "_", f"{_MATH}den": "/"}
_LEFT_OUT = (
    # Older programs are given the text of a box once more, as its fallback.
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    # Tab stops are here, and no text.
    qn("w:pPr"),
    # What was moved stands in its new place too.
    qn("w:moveFrom"),
)
_RUN, _HIDDEN = qn("w:r"), f"{qn('w:rPr')}/{qn('w:vanish')}"
_OFF = ("0", "false", "off")
_ON_EVERY_PAGE = ("header", "footer")
_NOTES = {
    "footnotes": qn("w:footnoteReference"),
    "endnotes": qn("w:endnoteReference"),
    "comments": qn("w:commentReference"),
}
_HEADING = re.compile(r"heading ([1-9])$", re.I)
_BODY_LEVEL = 9
# Styles may be based on each other in a circle.
_STYLES_FOLLOWED = 12


def extract(file: IO[bytes]) -> Extraction:
    """Return a document's text, a section under each heading. Raises Unreadable."""
    for content_type in _MAIN_PARTS:
        PartFactory.part_type_for[content_type] = DocumentPart
    with damage_is_a_problem(OpcError, PythonDocxError):
        part = Package.open(packages.opened(file)).main_document_part
        if not isinstance(part, DocumentPart):
            raise Unreadable(Problem.BROKEN)
        return with_text(join_pages(DOCX, _sections(part).finished()))


def _sections(part: DocumentPart) -> Sections:
    sections = Sections()
    styles = _Styles(part)
    notes = _Notes(part)
    for line in _lines_on_every_page(part):
        sections.add_line(line)
    for block in _blocks(part.element.body):
        if block.tag == _TABLE:
            for line in row_lines(_rows(block)):
                sections.add_line(line)
        elif text := _text(block):
            if level := styles.heading_level(block):
                sections.add_heading(level, one_line(text))
            else:
                sections.add_line(f"- {text}" if styles.is_item(block) else text)
        for line in notes.below(block):
            sections.add_line(line)
    return sections


def _lines_on_every_page(part: DocumentPart) -> Iterator[str]:
    """Yield the lines of headers and footers once: whose letter it is, and of which day, often stands there alone."""
    known: set[str] = set()
    for relation in part.rels.values():
        if relation.is_external or relation.reltype.rpartition("/")[2] not in _ON_EVERY_PAGE:
            continue
        for block in _blocks(etree.fromstring(relation.target_part.blob, _parser())):
            for line in row_lines(_rows(block)) if block.tag == _TABLE else [_text(block)]:
                if line and line not in known:
                    known.add(line)
                    yield line


def _blocks(parent: Any) -> Iterator[Any]:
    """Yield paragraphs and tables in order, also those in content controls and tracked insertions.

    `iter_inner_content` leaves those out, and with them all the text of a filled in form.
    """
    for child in parent:
        if child.tag in (_PARAGRAPH, _TABLE):
            yield child
        elif isinstance(child.tag, str):
            yield from _blocks(child)


def _text(element: Any) -> str:
    """Return the text of a paragraph or cell as it reads now: what was inserted, without what was deleted."""
    pieces = list(_pieces(element))
    lines = "".join(pieces).split("\n")
    return "\n".join(line for line in (one_line(line) for line in lines) if line)


def _pieces(element: Any) -> Iterator[str]:
    for child in element:
        if child.tag in _TEXTS:
            yield child.text or ""
        elif child.tag in _SIGNS:
            yield _SIGNS[child.tag]
        elif child.tag not in _LEFT_OUT and not (child.tag == _RUN and _is_hidden(child)):
            yield "\n" if child.tag in _BREAKS else _MATH_SIGNS.get(child.tag, "")
            yield from _pieces(child)


def _is_hidden(run: Any) -> bool:
    hidden = run.find(_HIDDEN)
    return hidden is not None and hidden.get(qn("w:val")) not in _OFF


def _rows(table: Any) -> Iterator[list[str]]:
    for row in table.iterchildren(_ROW):
        yield [one_line(_text(cell)) for cell in row.iterchildren(_CELL)]


class _Notes:
    """Footnotes, endnotes and comments, written below the paragraph or table that refers to them."""

    def __init__(self, part: DocumentPart) -> None:
        self._texts: dict[tuple[str, str], str] = {}
        for relation in part.rels.values():
            kind = _NOTES.get(relation.reltype.rpartition("/")[2])
            if kind is None or relation.is_external:
                continue
            # Comments are a part of their own kind to python-docx, notes are bytes.
            root = etree.fromstring(relation.target_part.blob, _parser())
            for note in root:
                if isinstance(note.tag, str) and (text := one_line(_text(note))):
                    author = note.get(qn("w:author"))
                    self._texts[kind, note.get(qn("w:id"), "")] = f"{author}: {text}" if author else text

    def below(self, block: Any) -> Iterator[str]:
        if not self._texts:
            return
        for reference in block.iter(*_NOTES.values()):
            if text := self._texts.pop((reference.tag, reference.get(qn("w:id"), "")), ""):
                yield f"[{text}]"


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


class _Styles:
    """What paragraphs of each style are. Looked up once a style: python-docx searches all of them each time."""

    def __init__(self, part: DocumentPart) -> None:
        self._part = part
        self._known: dict[str | None, tuple[int, bool]] = {}

    def heading_level(self, paragraph: Any) -> int:
        """Return 1 to 9, or 0 for text. The level counts, whatever a style is called in the writer's language."""
        own = _outline_level(paragraph.pPr)
        return self._of(paragraph.style)[0] if own is None else own

    def is_item(self, paragraph: Any) -> bool:
        is_numbered = paragraph.pPr is not None and paragraph.pPr.numPr is not None
        return is_numbered or self._of(paragraph.style)[1]

    def _of(self, style_id: str | None) -> tuple[int, bool]:
        if style_id not in self._known:
            style: Any = self._part.get_style(style_id, WD_STYLE_TYPE.PARAGRAPH)
            self._known[style_id] = (_level_of(style), (style.name or "").startswith("List "))
        return self._known[style_id]


def _level_of(style: Any) -> int:
    for _ in range(_STYLES_FOLLOWED):
        if style is None:
            break
        if style.name == "Title":
            return 1
        if found := _HEADING.match(style.name or ""):
            return int(found[1])
        level = _outline_level(style.element.pPr)
        if level is not None:
            return level
        style = style.base_style
    return 0


def _outline_level(properties: Any) -> int | None:
    if properties is None or properties.outlineLvl is None:
        return None
    level = int(properties.outlineLvl.val)
    return level + 1 if level < _BODY_LEVEL else 0
