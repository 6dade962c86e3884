"""Values that cross the border of the rag package. No Django, no I/O: the extraction child imports this too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID


class Problem(StrEnum):
    """Why a document has no passages. Stored with it; the sentence for a person is made where it is shown."""

    EMPTY = "empty"
    """No text in it."""
    EMPTY_PAGE = "empty_page"
    """No text of its own in a page of the web."""
    SCANNED = "scanned"
    """Only pictures of text: pages of a PDF, or a picture as such."""
    PASSWORD = "password"  # noqa: S105  (not a password)
    BROKEN = "broken"
    """The content is not what it claims to be."""
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    EMBEDDER_MISSING = "embedder_missing"
    """No connection offers the embedding model."""
    EMBEDDER_DOWN = "embedder_down"
    """The embedding model does not answer; may work later."""
    EMBEDDER_CHANGED = "embedder_changed"
    """Another model answers to the embedder's name; everything is being indexed again."""
    EMBEDDER_USELESS = "embedder_useless"
    """The embedder's vectors do not tell texts apart."""
    INDEX_FAILED = "index_failed"
    """The vector index could not be written."""
    FILE_MISSING = "file_missing"
    """The stored file is gone."""
    STOPPED = "stopped"
    """Somebody stopped its ingestion."""
    NOT_STORED = "not_stored"
    """The disk is full or does not take files."""
    NO_ACCESS = "no_access"
    """A file in a synced folder that the server may not read, or that is a link by now."""


class LeftOut(StrEnum):
    """Why something in a synced folder is not read."""

    LINK_OUT = "link_out"
    """A link that leads out of the folder."""
    LINK_BROKEN = "link_broken"
    HIDDEN = "hidden"
    SPECIAL = "special"
    """Neither file nor folder: a pipe, a socket, a device."""
    UNREADABLE = "unreadable"
    """The server may not read it, or cannot."""
    EXCLUDED = "excluded"
    """The patterns leave it out."""
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    NAME = "name"
    """Its path is no text, too long or too deep."""


class FolderProblem(StrEnum):
    """Why a synced folder cannot be read."""

    OFF = "off"
    """No folder of the server is allowed."""
    NOT_ALLOWED = "not_allowed"
    HOLDS_DATA = "holds_data"
    """It holds the site's own data, or lies in it."""
    GONE = "gone"
    NOT_A_FOLDER = "not_a_folder"
    """It is a file, or a link, or a link leads to it."""
    NO_ACCESS = "no_access"
    NO_ANSWER = "no_answer"
    """Its disk or its server does not answer in time."""
    TOO_MANY = "too_many"
    MANY_GONE = "many_gone"
    """All of its files, or most of them, are gone at once: rather a disk that is not there than a deletion."""
    DISK_FULL = "disk_full"
    """The disk of this server has no room for what is to come."""


class FetchProblem(StrEnum):
    """Why an address gave no page."""

    OFF = "off"
    """The site does not fetch pages."""
    ADDRESS = "address"
    """No address of the web."""
    PRIVATE = "private"
    """It leads to a machine of this house, or of this computer."""
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    LOGIN = "login"
    """The server wants to know who asks."""
    GONE = "gone"
    STATUS = "status"
    """The server answers with another error."""
    REDIRECTS = "redirects"
    """It leads from one address to the next without end."""
    BUSY = "busy"
    """Too many are being fetched; may work later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderProgress:
    """How many files of a synced folder are to be copied, on their way, in answers, and could not be taken."""

    n_waiting: int = 0
    n_unfinished: int = 0
    n_ready: int = 0
    n_problems: int = 0


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
class Passage:
    """A chunk as retrieved for a question, or several neighbouring ones.

    Attributes:
        page: 1-based; None for files without pages.
        page_name: Of a sheet or a section; empty for what only has a number.
        start, end: Offsets into the document's text; `text` is what stands there.
        score: Fused score, higher is better, at most about 1.
    """

    document_id: int
    document_uuid: UUID
    document_name: str
    page: int | None
    start: int
    end: int
    text: str
    score: float
    page_kind: PageKind = PageKind.PAGE
    page_name: str = ""

    @property
    def place(self) -> str:
        return place_of(self.page_kind, self.page, self.page_name)


# Every answer that drew on documents has a trace: some 15 kB, and twice that with long names.
TRACE_MAX_CANDIDATES = 40
TRACE_MAX_TERMS = 100


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the conversation before a question."""

    role: Literal["user", "assistant"]
    text: str


RewrittenBy = Literal["", "model", "joined", "translated"]
Outcome = Literal["kept", "joined", "beyond limit", "near-duplicate", "below cut-off", "whole"]
"""`whole`: it was not weighed, because its document was given from beginning to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much of documents a model may be given at once.

    Attributes:
        tokens_of: How many tokens a passage takes in a prompt, with all that stands around it; rather too many.
        is_wanted: Whether whole documents are wanted at all; asked in a thread that may read the database.
    """

    n_tokens: int
    tokens_of: Callable[[Passage], int]
    is_wanted: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One chunk that was weighed for a question.

    Attributes:
        lexical: BM25 as a share of the best candidate's, 0 to 1.
        coverage: Share of the question's words that stand in it, rare words counting more.
        dense: Cosine similarity; None when the question could not be embedded.
        rerank: Of the reranker, in its own measure; None when it has not read it.
        passage: Number in the answer, from 1, of the passage that it is or was joined to.
    """

    document_id: int
    document_name: str
    page: int | None
    start: int
    end: int
    lexical: float
    coverage: float
    dense: float | None
    fused: float
    outcome: Outcome
    rerank: float | None = None
    passage: int | None = None
    page_kind: PageKind = PageKind.PAGE
    page_name: str = ""


UNRELATED = 0.045
RELATED = 0.51
"""Similarities of unrelated texts, and of questions with their answers, as the embedded embedder gives them: search and
Quotes were measured with it."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What an embedder's cosine similarities are worth: there are some that give unrelated texts 0.7 and more."""

    unrelated: float = UNRELATED
    related: float = RELATED

    def comparable(self, similarity: float) -> float:
        """Return a similarity on the scale of the embedded embedder, at most 1."""
        factor = (RELATED - UNRELATED) / (self.related - self.unrelated)
        return min(UNRELATED + factor * (similarity - self.unrelated), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalTrace:
    """How passages were found: everything weighed, best first, and the time of each step in seconds.

    Attributes:
        question: As it was asked.
        searched: As it was searched; another one when it needs its conversation, or no document is in its script.
        rewritten_by: A model, the words of the question before joined to it, or a model that has translated it; empty
            when it was searched as asked.
        rewrite_problem: What kept the model from doing it.
        dense_scale: By which the embedder's similarities were made comparable.
        room_tokens: What whole documents may take; 0 when only passages were wanted.
        whole_tokens: What they take; 0 when they do not fit, and so were searched.
    """

    question: str
    searched: str
    rewritten_by: RewrittenBy
    rewrite_problem: str
    terms: tuple[str, ...]
    embedder: str
    dense_trust: float
    dense_problem: str
    candidates: tuple[Candidate, ...]
    lexical_s: float
    embed_s: float
    vector_s: float
    total_s: float
    rewrite_s: float = 0.0
    reranker: str = ""
    rerank_problem: str = ""
    rerank_s: float = 0.0
    room_tokens: int = 0
    whole_tokens: int = 0
    dense_scale: Scale = Scale()

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is stored, bounded: what was kept and the best of the others, still best first."""
        kept = [candidate for candidate in self.candidates if candidate.passage is not None]
        others = [candidate for candidate in self.candidates if candidate.passage is None]
        stored = {*kept, *others[: max(TRACE_MAX_CANDIDATES - len(kept), 0)]}
        candidates = tuple(candidate for candidate in self.candidates if candidate in stored)
        return asdict(replace(self, candidates=candidates, terms=self.terms[:TRACE_MAX_TERMS]))


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCandidate:
    """A candidate of a stored trace as one person may see it.

    Attributes:
        opening: Its first words; empty when the document was read anew since.
        passage: Number in the prompt, from 1, of the passage that it is or was joined to; None when it was left out.
    """

    document_uuid: UUID
    document_name: str
    page: int | None
    start: int
    end: int
    opening: str
    lexical: float
    coverage: float
    dense: float | None
    fused: float
    rerank: float | None
    outcome: Outcome
    passage: int | None
    page_kind: PageKind | str
    page_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTrace:
    """A stored trace as one person may see it; `candidates` best first, times in seconds.

    Attributes:
        whole_tokens: None when documents were given whole, and this person may not read all of them now.
    """

    question: str
    searched: str
    rewritten_by: RewrittenBy
    rewrite_problem: str
    terms: tuple[str, ...]
    embedder: str
    dense_trust: float
    dense_problem: str
    candidates: tuple[SeenCandidate, ...]
    lexical_s: float
    embed_s: float
    vector_s: float
    total_s: float
    rewrite_s: float
    reranker: str
    rerank_problem: str
    rerank_s: float
    is_whole: bool
    room_tokens: int
    whole_tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """The passages for one question; the prompt and the citations number them from 1 in this order.

    Best first; of documents that are given whole, all of them in reading order.
    """

    passages: tuple[Passage, ...]
    trace: RetrievalTrace

    @property
    def is_whole(self) -> bool:
        return self.trace.whole_tokens > 0

    @property
    def is_empty(self) -> bool:
        return not self.passages


class Unfindable(StrEnum):
    """Why a search cannot find what a golden question expects, however good it is."""

    DOCUMENT_GONE = "document_gone"
    """Deleted, or taken out of the knowledge."""
    DOCUMENT_UNREAD = "document_unread"
    """It is in the knowledge, but not indexed."""
    QUOTE_GONE = "quote_gone"
    """The expected words stand in it no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedAnswer:
    """An answer made of quotations alone.

    Attributes:
        text: Markdown with [n] markers; n counts in the passages given to `quote`, from 1.
        passages: The passages quoted, by number.
        found: False when the text says that nothing matches.
    """

    text: str
    passages: dict[int, Passage]
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What is in a knowledge."""

    n_documents: int = 0
    n_chunks: int = 0
    size_bytes: int = 0
    n_unfinished: int = 0
    n_failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """How the document side is, for /ready and the health page."""

    is_ready: bool
    detail: str
    n_waiting: int
    n_failed: int


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
