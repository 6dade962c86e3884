"""A document's text and pages for its reader."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from rag import conf
from rag.errors import RenderingFailed
from rag.extraction import child
from rag.models import Document, ExtractedText
from rag.services.recognition import words_of
from rag.types import Box, PageMarks, Problem

PAGE_WIDTHS = (900, 1600)
"""Widths in pixels that pages are drawn in: a closed set, so that a cache cannot be filled by asking for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentText:
    """The text of a document with its pages, slides, sheets or sections; `page_spans` is empty for files without."""

    text: str
    page_spans: tuple[tuple[int, int], ...] = ()
    page_names: tuple[str, ...] = ()

    def page_of(self, offset: int) -> int | None:
        """Return the page, from 1, that holds an offset."""
        for number, (_, end) in enumerate(self.page_spans, start=1):
            if offset <= end:
                return number
        return None


def document_text(document: Document) -> DocumentText:
    """Return the extracted text; empty while there is none."""
    extracted = ExtractedText.objects.filter(document=document).first()
    if extracted is None:
        return DocumentText(text="")
    spans = tuple((start, end) for start, end in extracted.page_spans)
    return DocumentText(text=extracted.text, page_spans=spans, page_names=tuple(extracted.page_names))


def page_image(document: Document, number: int, width_px: int) -> Path:
    """Return the file of a page's image, drawn at the first call.

    Raises:
        RenderingFailed: No such page, or it cannot be drawn within the limits of a bounded child.
    """
    if not 1 <= number <= document.n_pages or width_px not in PAGE_WIDTHS:
        raise RenderingFailed(Problem.UNSUPPORTED)
    image = conf.page_cache_folder() / f"{document.uuid.hex}-{number}-{width_px}.png"
    if image.is_file():
        return image
    with _opened(document) as file:
        content = child.render_page(file, number, width_px)
    image.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and renamed: another request never sees half an image.
    with tempfile.NamedTemporaryFile(dir=image.parent, delete=False) as part:
        part.write(content)
    os.replace(part.name, image)
    return image


def page_marks(document: Document, number: int, start: int, end: int) -> PageMarks:
    """Return where the span [start, end) of the document's text stands on a page. Raises RenderingFailed."""
    spans = document_text(document).page_spans
    if not document.is_drawn or not 1 <= number <= len(spans):
        raise RenderingFailed(Problem.UNSUPPORTED)
    page_start, page_end = spans[number - 1]
    first, last = max(start, page_start) - page_start, min(end, page_end) - page_start
    with _opened(document) as file:
        marks = child.find_marks(file, number, first, max(first, last))
    if words := words_of(document, number):
        boxes = tuple(word.box for word in words if word.start < last and first < word.end)
        return replace(marks, boxes=_joined_in_lines(boxes))
    return marks


def _joined_in_lines(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """Return one box for the words that stand side by side."""
    joined: list[Box] = []
    for box in boxes:
        before = joined[-1] if joined else None
        is_same_line = before and before.x <= box.x and box.y < before.y + before.height / 2 + box.height / 2
        if before and is_same_line and before.y < box.y + box.height:
            right = max(before.x + before.width, box.x + box.width)
            top, bottom = min(before.y, box.y), max(before.y + before.height, box.y + box.height)
            joined[-1] = Box(x=before.x, y=top, width=right - before.x, height=bottom - top)
        else:
            joined.append(box)
    return tuple(joined)


def _opened(document: Document) -> IO[bytes]:
    try:
        return cast(IO[bytes], document.file.open("rb"))
    except FileNotFoundError as exc:
        raise RenderingFailed(Problem.FILE_MISSING) from exc
