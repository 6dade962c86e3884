"""What a file is and what came out of it: text, its pages, and where words stand on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rag.types.problems import Problem

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
EPUB = "application/epub+zip"
HTML = "text/html"
PLAIN = "text/plain"
MARKDOWN = "text/markdown"
CSV = "text/csv"
TSV = "text/tab-separated-values"
JSON = "application/json"
CODE = "text/x-code"
PNG = "image/png"
JPEG = "image/jpeg"
TIFF = "image/tiff"
WEBP = "image/webp"
PICTURES = (PNG, JPEG, TIFF, WEBP)


class PageKind(StrEnum):
    """What people call a page of a file, and so what a citation names."""

    PAGE = "page"
    SLIDE = "slide"
    SHEET = "sheet"
    CHAPTER = "chapter"
    """A file of a book, under the title of its chapter; a chapter may have several."""
    SECTION = "section"
    """What stands under one heading. Named by it and the headings above; such files have no pages to count."""


_PAGE_KINDS = {
    PPTX: PageKind.SLIDE,
    XLSX: PageKind.SHEET,
    EPUB: PageKind.CHAPTER,
    DOCX: PageKind.SECTION,
    HTML: PageKind.SECTION,
    MARKDOWN: PageKind.SECTION,
    ODS: PageKind.SHEET,
}


def page_kind(media_type: str) -> PageKind:
    return _PAGE_KINDS.get(media_type, PageKind.PAGE)


def place_of(kind: PageKind | str, page: int | None, name: str) -> str:
    """Return how a model is told a place: "page 3", "sheet Budget"; empty for files without pages."""
    label = name or page
    return f"{kind} {label}" if label else ""


def innermost(name: str) -> str:
    """Return the last heading of a section's name, which is a path of headings: of "Harbour › Tower" the tower."""
    return name.rpartition(" › ")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What came out of a file: text with its pages, or the problem that kept it in.

    Attributes:
        page_spans: (start, end) offsets into `text`, one pair a page, slide, sheet or section; empty for others.
        page_names: Names of those, one each, "" for one without; empty when none has a name.
        scanned_pages: Numbers, from 1, of pages that are pictures of text: there is none of them in `text`.
        damaged_pages: Numbers of pages and slides that could not be read in a file that otherwise could.
    """

    media_type: str
    text: str = ""
    page_spans: tuple[tuple[int, int], ...] = ()
    page_names: tuple[str, ...] = ()
    scanned_pages: tuple[int, ...] = ()
    damaged_pages: tuple[int, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle on a page in points, origin at the upper left."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMarks:
    """Where a passage stands on its page."""

    width: float
    height: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWord:
    """Where the word at [start, end) of a page's text stands on it."""

    start: int
    end: int
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognisedText:
    """What was read from the picture of a page; width and height in points."""

    text: str
    width: float
    height: float
    words: tuple[PageWord, ...]
