"""PDF files: text with pages by pdfium, a second try by pypdf, page images, and where a passage stands on its page."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import IO

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from rag.extraction import layout, limits
from rag.extraction.pages import join_pages
from rag.extraction.png import encode_png
from rag.extraction.tesseract import Drawing
from rag.types import PDF, Box, Extraction, PageMarks, Problem

# Scanners stamp pages with a number or a date; more characters than these are a page's own text.
_STAMP_CHARACTERS = 60
# A page without text that is drawn with as many lines has its letters among them.
_OUTLINES = 100
# pdfium tells in whole pixels where something is seen; the page is taken to have so many a point.
_STEPS_A_POINT = 100
_POINTS_AN_INCH = 72
_LETTERS_LOOKED_AT = 60
_ANNOTATIONS_LOOKED_AT = 1000


def extract(file: IO[bytes]) -> Extraction:
    """Return the text of a PDF with its pages. Raises Unreadable for one with too much text."""
    try:
        pdf = _opened(file)
    except pdfium.PdfiumError as exc:
        if _wants_password(exc):
            return _problem(Problem.PASSWORD)
        return _second_try(file)
    if len(pdf) > limits.MAX_PAGES:
        return _problem(Problem.TOO_LARGE)
    scanned: list[int] = []
    extraction = _joined(_raw_pages(pdf, scanned))
    if not extraction.text.strip():
        extraction = replace(extraction, problem=Problem.SCANNED if scanned else Problem.EMPTY)
    return replace(extraction, scanned_pages=tuple(scanned))


def _opened(file: IO[bytes]) -> pdfium.PdfDocument:
    pdf = pdfium.PdfDocument(file)
    # Where a file only says what is in its fields, this draws them.
    pdf.init_forms()
    return pdf


def _page(pdf: pdfium.PdfDocument, index: int) -> pdfium.PdfPage:
    """Return a page with what was filled into its fields, or typed onto it, as a part of it."""
    page = pdf[index]
    if not _has_typed_words(page):
        return page
    pdfium_c.FPDFPage_Flatten(page, pdfium_c.FLAT_NORMALDISPLAY)
    page.close()
    return pdf[index]


def _has_typed_words(page: pdfium.PdfPage) -> bool:
    for index in range(min(pdfium_c.FPDFPage_GetAnnotCount(page), _ANNOTATIONS_LOOKED_AT)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page, index)
        kind = pdfium_c.FPDFAnnot_GetSubtype(annotation)
        pdfium_c.FPDFPage_CloseAnnot(annotation)
        if kind in (pdfium_c.FPDF_ANNOT_WIDGET, pdfium_c.FPDF_ANNOT_FREETEXT):
            return True
    return False


def draw(file: IO[bytes], number: int) -> Drawing:
    """Return page `number`, from 1, in grey, as tesseract likes it."""
    page = _page(_opened(file), number - 1)
    width, height = page.get_size()
    scale = min(limits.OCR_DPI / _POINTS_AN_INCH, (limits.MAX_PAGE_PIXELS / (width * height)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    buffer = bytes(bitmap.buffer)
    rows = range(0, bitmap.stride * bitmap.height, bitmap.stride)
    pixels = b"".join(buffer[start : start + bitmap.width] for start in rows)
    return Drawing(pixels=pixels, width=bitmap.width, height=bitmap.height, scale=scale)


def render_page(file: IO[bytes], number: int, width_px: int) -> bytes:
    """Return page `number` (from 1) as PNG, `width_px` wide unless that would make it too tall."""
    page = _page(_opened(file), number - 1)
    width, height = page.get_size()
    scale = min(width_px / width, (limits.MAX_PAGE_PIXELS / (width * height)) ** 0.5)
    bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
    return encode_png(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride, bitmap.n_channels)


def find_marks(file: IO[bytes], number: int, start: int, end: int) -> PageMarks:
    """Return the rectangles of a span of page `number`, one or more a line.

    Args:
        start, end: Offsets from the start of the page's extracted text.
    """
    page = _page(_opened(file), number - 1)
    width, height = page.get_size()
    text_page = page.get_textpage()
    joined = layout.join_lines(text_page.get_text_range())
    end = min(end, len(joined.text))
    if start >= end:
        return PageMarks(width=width, height=height, boxes=())
    first = _character_index(text_page, joined.origin(start))
    last = _character_index(text_page, joined.origin(end - 1))
    n_rects = text_page.count_rects(first, last - first + 1)
    boxes = tuple(_shown_box(page, text_page.get_rect(i)) for i in range(n_rects))
    return PageMarks(width=width, height=height, boxes=boxes)


def _shown_box(page: pdfium.PdfPage, corners: tuple[float, float, float, float]) -> Box:
    """Return a rectangle as it is seen: pages may be turned, and cut out of larger ones."""
    x0, y0 = _shown_point(page, *corners[:2])
    x1, y1 = _shown_point(page, *corners[2:])
    return Box(x=min(x0, x1), y=min(y0, y1), width=abs(x1 - x0), height=abs(y1 - y0))


def _shown_point(page: pdfium.PdfPage, x: float, y: float) -> tuple[float, float]:
    width, height = (round(side * _STEPS_A_POINT) for side in page.get_size())
    shown_x, shown_y = ctypes.c_int(), ctypes.c_int()
    pdfium_c.FPDF_PageToDevice(page, 0, 0, width, height, 0, x, y, ctypes.byref(shown_x), ctypes.byref(shown_y))
    return shown_x.value / _STEPS_A_POINT, shown_y.value / _STEPS_A_POINT


def _character_index(text_page: pdfium.PdfTextPage, text_index: int) -> int:
    """pdfium counts characters on the page; some of them, such as those of hidden fonts, are not in its text."""
    return int(pdfium_c.FPDFText_GetCharIndexFromTextIndex(text_page, text_index))


def _wants_password(error: pdfium.PdfiumError) -> bool:
    return bool(getattr(error, "err_code", None) == pdfium_c.FPDF_ERR_PASSWORD)


def _raw_pages(pdf: pdfium.PdfDocument, scanned: list[int]) -> Iterator[str | None]:
    """Yield the text of each page, None for a damaged one; add the numbers of those that are pictures to `scanned`."""
    for index in range(len(pdf)):
        try:
            page = _page(pdf, index)
            text_page = page.get_textpage()
            raw = text_page.get_text_range()
            if _is_unreadable(text_page):
                raw = ""
                scanned.append(index + 1)
            elif _is_picture(page, raw):
                scanned.append(index + 1)
        except pdfium.PdfiumError:
            # One damaged page does not cost the others.
            yield None
            continue
        yield raw
        text_page.close()
        page.close()


def _is_unreadable(text_page: pdfium.PdfTextPage) -> bool:
    """Whether letters are drawn that the file does not say which they are: only a reader of pictures knows them."""
    n_characters = text_page.count_chars()
    looked_at = range(0, n_characters, n_characters // _LETTERS_LOOKED_AT + 1)
    n_unknown = sum(pdfium_c.FPDFText_HasUnicodeMapError(text_page, index) == 1 for index in looked_at)
    return bool(2 * n_unknown > len(looked_at))


def _is_picture(page: pdfium.PdfPage, raw: str) -> bool:
    n_characters = len("".join(raw.split()))
    if n_characters > _STAMP_CHARACTERS:
        return False
    if not n_characters:
        outlines = islice(page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_PATH]), _OUTLINES)
        images = page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE])
        return next(iter(images), None) is not None or sum(1 for _ in outlines) == _OUTLINES
    width, height = page.get_size()
    bounds = (image.get_bounds() for image in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=1))
    return any((right - left) * (top - bottom) * 2 > width * height for left, bottom, right, top in bounds)


def _joined(raw_pages: Iterator[str | None]) -> Extraction:
    return join_pages(PDF, (("", None if raw is None else layout.join_lines(raw).text) for raw in raw_pages))


def _second_try(file: IO[bytes]) -> Extraction:
    """pypdf repairs some files that pdfium refuses, and knows encryption that pdfium calls a broken file."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            return _problem(Problem.PASSWORD)
        pages = (page.extract_text() for page in islice(reader.pages, limits.MAX_PAGES))
        extraction = _joined(pages)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError):
        # pypdf meets broken files with whatever its parser trips over.
        return _problem(Problem.BROKEN)
    return extraction if extraction.text.strip() else _problem(Problem.BROKEN)


def _problem(problem: Problem) -> Extraction:
    return Extraction(media_type=PDF, problem=problem)
