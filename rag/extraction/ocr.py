"""Pages that are pictures: drawn, read by tesseract, and where on the page each word of the text stands."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import IO

import pypdfium2 as pdfium

from rag.extraction import layout, limits, tesseract
from rag.extraction.tesseract import Tesseract, Word
from rag.types import Box, PageWord, RecognisedText

_POINTS_AN_INCH = 72


def recognise(file: IO[bytes], number: int, reader: Tesseract) -> RecognisedText:
    """Return what stands on page `number`, from 1. Raises Unreadable."""
    page = pdfium.PdfDocument(file)[number - 1]
    width, height = page.get_size()
    scale = min(limits.OCR_DPI / _POINTS_AN_INCH, (limits.MAX_PAGE_PIXELS / (width * height)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    buffer = bytes(bitmap.buffer)
    rows = range(0, bitmap.stride * bitmap.height, bitmap.stride)
    pixels = b"".join(buffer[start : start + bitmap.width] for start in rows)
    text, words = _joined(tesseract.read(pixels, bitmap.width, bitmap.height, reader))
    placed = tuple(
        PageWord(
            start=start,
            end=end,
            box=Box(x=word.x / scale, y=word.y / scale, width=word.width / scale, height=word.height / scale),
        )
        for start, end, word in words
    )
    return RecognisedText(text=text, width=width, height=height, words=placed)


def _joined(words: Iterable[Word]) -> tuple[str, list[tuple[int, int, Word]]]:
    """Return the text of a page's words, its lines joined, and each word with its (start, end) in that text."""
    pieces: list[str] = []
    spans: list[tuple[int, int, Word]] = []
    position = 0
    before: Word | None = None
    for word in words:
        piece = _gap(before, word) + word.text
        pieces.append(piece)
        position += len(piece)
        spans.append((position - len(word.text), position, word))
        before = word
    joined = layout.join_lines("".join(pieces))
    origins = [joined.origin(offset) for offset in range(len(joined.text))]
    placed = ((bisect_left(origins, start), bisect_left(origins, end), word) for start, end, word in spans)
    return joined.text, [(start, end, word) for start, end, word in placed if start < end]


def _gap(before: Word | None, word: Word) -> str:
    if before is None:
        return ""
    if before.block != word.block:
        return "\n\n"
    return " " if before.line == word.line else "\n"
