"""Which module reads a file. Each is imported for its own files only: a child waits for none that it does not need."""

from __future__ import annotations

from typing import IO, Protocol

from rag.errors import Unreadable
from rag.extraction import detect
from rag.extraction.tesseract import Drawing
from rag.types import (
    CSV,
    DOCX,
    EPUB,
    HTML,
    MARKDOWN,
    ODS,
    PDF,
    PICTURES,
    PPTX,
    TSV,
    XLSX,
    Extraction,
    PageMarks,
    Problem,
)


class Pages(Protocol):
    """A module that draws the pages of a kind of file. Each function raises Unreadable."""

    def draw(self, file: IO[bytes], number: int) -> Drawing: ...

    def render_page(self, file: IO[bytes], number: int, width_px: int) -> bytes: ...

    def find_marks(self, file: IO[bytes], number: int, start: int, end: int) -> PageMarks: ...


def pages_of(file: IO[bytes]) -> Pages:
    """Return what draws the pages of a PDF or a picture."""
    media_type = detect.media_type(file.read(detect.SAMPLE_BYTES), "")
    file.seek(0)
    if media_type in PICTURES:
        from rag.extraction import pictures

        return pictures
    from rag.extraction import pdf

    return pdf


def read(file: IO[bytes], media_type: str, name: str) -> Extraction:
    """Return the text of a file that `detect` knows. Raises Unreadable."""
    if media_type == detect.OLE:
        raise Unreadable(_problem_of_ole(file))
    if media_type == detect.ARCHIVE:
        return _read_archive(file, name)
    if media_type == PDF:
        from rag.extraction import pdf

        return pdf.extract(file)
    if media_type in PICTURES:
        from rag.extraction import pictures

        return pictures.extract(file, media_type)
    if media_type in (CSV, TSV):
        from rag.extraction import delimited

        return delimited.extract(file.read(), media_type)
    if media_type == HTML:
        from rag.extraction import web

        return web.extract(file.read())
    if media_type == detect.NOTEBOOK:
        from rag.extraction import notebook

        return notebook.extract(file.read())
    if media_type == MARKDOWN:
        from rag.extraction import markdown

        return markdown.extract(file.read())
    from rag.extraction import plain

    return plain.extract(file.read(), media_type)


def _read_archive(file: IO[bytes], name: str) -> Extraction:
    from rag.extraction import archives

    kind = archives.check(file)
    if kind == DOCX:
        from rag.extraction import word

        return word.extract(file)
    if kind == PPTX:
        from rag.extraction import slides

        return slides.extract(file)
    if kind in (XLSX, ODS):
        from rag.extraction import sheets

        return sheets.extract(file, kind)
    if kind == EPUB:
        from rag.extraction import book

        return book.extract(file)
    raise Unreadable(Problem.BROKEN if detect.claims_to_be_readable(name) else Problem.UNSUPPORTED)


def _problem_of_ole(file: IO[bytes]) -> Problem:
    """Office keeps a file with a password in the container of its old formats, under a name of its own.

    Source: MS-OFFCRYPTO, 2.3.4 (the streams EncryptionInfo and EncryptedPackage).
    """
    return Problem.PASSWORD if "EncryptedPackage".encode("utf-16-le") in file.read() else Problem.UNSUPPORTED
