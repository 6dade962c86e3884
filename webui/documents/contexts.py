"""What the templates of the document pages are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from rag import api as rag
from rag.types import PageMarks
from webui.documents import wording
from webui.documents.links import passage_page_url

# Text files have no pages of their own; they are shown in parts of about this many characters.
PART_CHARACTERS = 20_000
CONTEXT_CHARACTERS = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """One document in a list.

    Attributes:
        state_text: Where it stands, in words.
        advice: What to do about a problem; empty without one.
        progress: 0 to 100 while it is indexed, else None.
        is_own: It belongs to the reader, who may delete it.
        is_synced: It is the copy of a file in a folder of the server, and changes with that alone.
        address, host: Of a page fetched from the web; empty for files.
    """

    uuid: str
    name: str
    media_type: str
    size_bytes: int
    n_chunks: int
    created_at: datetime
    state: str
    state_text: str
    advice: str
    progress: int | None
    is_ready: bool
    has_failed: bool
    is_unfinished: bool
    can_retry: bool
    is_own: bool
    is_synced: bool
    address: str
    host: str
    fetched_at: datetime | None

    dom_noun = "document"


def document_row(document: rag.Document, reader_id: int) -> DocumentRow:
    words = wording.problem_words(document.error)
    n_done, n_total = document.work
    return DocumentRow(
        uuid=str(document.uuid),
        name=document.name,
        media_type=document.media_type,
        size_bytes=document.size_bytes,
        n_chunks=document.n_chunks if document.is_ready else 0,
        created_at=document.created_at,
        state=document.state,
        state_text=wording.state_in_words(document),
        advice=wording.advice_in_words(document),
        progress=100 * n_done // n_total if n_total and not words else None,
        is_ready=document.is_ready,
        has_failed=document.has_failed,
        is_unfinished=document.is_unfinished,
        can_retry=bool(words and words.can_retry) or document.has_unread_scans,
        is_own=document.owner_id == reader_id and not document.is_synced,
        is_synced=document.is_synced,
        address=document.source_url,
        host=document.source_host,
        fetched_at=document.fetched_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentListPage:
    """One page of a person's documents. `is_busy`: some of them are being worked on, so the list is asked for again."""

    rows: Sequence[DocumentRow]
    next_cursor: str | None
    before: str
    max_upload_bytes: int
    accepted_files: str = ",".join(rag.READABLE_NAMES)
    sidebar: None = None

    @property
    def max_upload_mb(self) -> int:
        return self.max_upload_bytes // (1024 * 1024)

    @property
    def is_busy(self) -> bool:
        return any(row.is_unfinished for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedText:
    """A stretch of text with the passage in it; `marked` is empty when none is asked for."""

    before: str
    marked: str
    after: str


def marked_text(text: str, first: int, last: int, start: int, end: int) -> MarkedText:
    """Cut text[first:last] at the passage [start, end)."""
    start = min(max(start, first), last)
    end = min(max(end, start), last)
    return MarkedText(before=text[first:start], marked=text[start:end], after=text[end:last])


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePage:
    """A page drawn as an image, with the passage's rectangles over it."""

    number: int
    url: str
    large_url: str
    marks: PageMarks | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPage:
    """One page, or one part, of a document.

    Attributes:
        number: From 1; of `n_pages` pages, slides or sheets, or of as many parts of another file.
        noun: What one of these is called.
        name: Of a sheet; empty for what only has a number.
        image: None for files without pages, and for pages that could not be drawn.
        has_lost_passage: The passage asked for does not stand in the document any more.
    """

    document: DocumentRow
    number: int
    n_pages: int
    noun: str
    name: str
    text: MarkedText
    image: ImagePage | None
    has_lost_passage: bool = False
    sidebar: None = None

    @property
    def is_empty(self) -> bool:
        return not f"{self.text.before}{self.text.marked}{self.text.after}".strip()

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.n_pages else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassagePanel:
    """A passage with what stands around it, and its page as an image."""

    document: DocumentRow
    page: int | None
    text: MarkedText
    is_cut_before: bool
    is_cut_after: bool
    image: ImagePage | None
    has_lost_passage: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRow:
    """One chunk. `number` counts from 1, `position` from 0; `place` is empty for files without pages and headings."""

    number: int
    position: int
    place: str
    text: str
    url: str


def chunk_row(document: rag.Document, chunk: rag.Chunk) -> ChunkRow:
    return ChunkRow(
        number=chunk.position + 1,
        position=chunk.position,
        place=wording.place_in_words(document.page_kind, chunk.page, chunk.page_name),
        text=chunk.text,
        url=passage_page_url(document.uuid, page=chunk.page, start=chunk.start, end=chunk.end),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkListPage:
    """Some chunks of a document; `previous` and `next` are positions to begin other pages with."""

    document: DocumentRow
    chunks: Sequence[ChunkRow]
    previous: int | None
    next: int | None
    sidebar: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPage:
    """One chunk, marked in `text`, which goes from the beginning of the one before to the end of the one after."""

    document: DocumentRow
    chunk: ChunkRow
    text: MarkedText
    previous: int | None
    next: int | None
    sidebar: None = None


def image_page(document: rag.Document, number: int, marks: PageMarks | None) -> ImagePage:
    small, large = (reverse("documents:page_image", args=[document.uuid, number, width]) for width in rag.PAGE_WIDTHS)
    return ImagePage(number=number, url=small, large_url=large, marks=marks)
