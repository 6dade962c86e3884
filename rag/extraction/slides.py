"""PowerPoint presentations, slide by slide: title, texts, tables, and the speaker's notes."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

from lxml import etree
from pptx.exc import PythonPptxError
from pptx.package import Package
from pptx.parts.presentation import PresentationPart
from pptx.shapes.group import GroupShape

from rag.errors import Unreadable
from rag.extraction.pages import join_pages
from rag.extraction.rows import one_line, row_lines
from rag.types import PPTX, Extraction, Problem

# Groups in groups beyond this are nobody's drawing.
_MAX_DEPTH = 20


def extract(file: IO[bytes]) -> Extraction:
    """Return the text of each slide. Raises Unreadable."""
    try:
        part = Package.open(file).main_document_part
        if not isinstance(part, PresentationPart):
            raise Unreadable(Problem.BROKEN)
        extraction = join_pages(PPTX, (("", _slide_text(slide)) for slide in part.presentation.slides))
    except (
        PythonPptxError, etree.LxmlError, zipfile.BadZipFile, zlib.error, KeyError, ValueError, AttributeError,
        TypeError, OSError,
    ) as exc:  # fmt: skip
        # python-pptx meets broken files with whatever it trips over.
        raise Unreadable(Problem.BROKEN) from exc
    if not extraction.text.strip():
        raise Unreadable(Problem.EMPTY)
    return extraction


def _slide_text(slide: Any) -> str:
    title = slide.shapes.title
    lines = [one_line(title.text_frame.text)] if title is not None else []
    lines += _shape_lines((shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id), 0)
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        lines += _frame_lines(notes)
    return "\n".join(filter(None, lines))


def _shape_lines(shapes: Iterable[Any], depth: int) -> Iterator[str]:
    for shape in shapes:
        if isinstance(shape, GroupShape):
            if depth < _MAX_DEPTH:
                yield from _shape_lines(shape.shapes, depth + 1)
        elif shape.has_text_frame:
            yield from _frame_lines(shape.text_frame)
        elif shape.has_table:
            yield from row_lines([one_line(cell.text_frame.text) for cell in row.cells] for row in shape.table.rows)


def _frame_lines(frame: Any) -> Iterator[str]:
    for paragraph in frame.paragraphs:
        if text := one_line(paragraph.text):
            yield text
