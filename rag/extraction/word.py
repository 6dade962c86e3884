"""Word documents: headings, paragraphs, lists and tables in their order, cut at the headings."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from docx.exceptions import PythonDocxError
from docx.opc.constants import CONTENT_TYPE
from docx.opc.exceptions import OpcError
from docx.opc.part import PartFactory
from docx.oxml.ns import qn
from docx.package import Package
from docx.parts.document import DocumentPart
from docx.styles.style import ParagraphStyle
from docx.text.paragraph import Paragraph
from lxml import etree

from rag.errors import Unreadable
from rag.extraction.pages import join_pages
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
_TEXT, _TAB, _FALLBACK = qn("w:t"), qn("w:tab"), "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_BREAKS = (qn("w:br"), qn("w:cr"), _PARAGRAPH)
_TAB_STOPS = qn("w:pPr")
_HEADING = re.compile(r"heading ([1-9])$", re.I)
_BODY_LEVEL = 9
# Styles may be based on each other in a circle.
_STYLES_FOLLOWED = 12


def extract(file: IO[bytes]) -> Extraction:
    """Return a document's text, a section under each heading. Raises Unreadable."""
    for content_type in _MAIN_PARTS:
        PartFactory.part_type_for[content_type] = DocumentPart
    try:
        part = Package.open(file).main_document_part
        if not isinstance(part, DocumentPart):
            raise Unreadable(Problem.BROKEN)
        extraction = join_pages(DOCX, _sections(part).finished())
    except (
        OpcError, PythonDocxError, etree.LxmlError, zipfile.BadZipFile, zlib.error, KeyError, ValueError,
        AttributeError, TypeError, NotImplementedError, OSError,
    ) as exc:  # fmt: skip
        # python-docx meets broken files with whatever it trips over.
        raise Unreadable(Problem.BROKEN) from exc
    if not extraction.text.strip():
        raise Unreadable(Problem.EMPTY)
    return extraction


def _sections(part: DocumentPart) -> Sections:
    sections = Sections()
    for block in _blocks(part.element.body):
        if block.tag == _TABLE:
            for line in row_lines(_rows(block)):
                sections.add_line(line)
            continue
        text = _text(block)
        if not text:
            continue
        paragraph = Paragraph(cast(Any, block), part.document._body)
        level = _heading_level(paragraph)
        if level:
            sections.add_heading(level, one_line(text))
        else:
            sections.add_line(f"- {text}" if _is_item(paragraph) else text)
    return sections


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
        if child.tag == _TEXT:
            yield child.text or ""
        elif child.tag == _TAB:
            yield "\t"
        elif child.tag not in (_FALLBACK, _TAB_STOPS):
            # Older programs are given the text of a box once more, as its fallback.
            if child.tag in _BREAKS:
                yield "\n"
            yield from _pieces(child)


def _rows(table: Any) -> Iterator[list[str]]:
    for row in table.iterchildren(_ROW):
        yield [one_line(_text(cell)) for cell in row.iterchildren(_CELL)]


def _heading_level(paragraph: Paragraph) -> int:
    """Return 1 to 9, or 0 for text. The level counts, whatever a style is called in the writer's language."""
    properties = paragraph._p.pPr
    if properties is not None and properties.outlineLvl is not None:
        return _level(properties.outlineLvl)
    style: Any = paragraph.style
    for _ in range(_STYLES_FOLLOWED):
        if not isinstance(style, ParagraphStyle):
            break
        name = style.name or ""
        if name == "Title":
            return 1
        if found := _HEADING.match(name):
            return int(found[1])
        properties = style.element.pPr
        if properties is not None and properties.outlineLvl is not None:
            return _level(properties.outlineLvl)
        style = style.base_style
    return 0


def _level(outline_level: Any) -> int:
    return outline_level.val + 1 if outline_level.val < _BODY_LEVEL else 0


def _is_item(paragraph: Paragraph) -> bool:
    properties = paragraph._p.pPr
    is_numbered = properties is not None and properties.numPr is not None
    return is_numbered or (paragraph.style is not None and (paragraph.style.name or "").startswith("List "))
