"""The steps of one ingestion, each a short transaction that can be repeated.

A document becomes READY in its last step only, and retrieval looks at READY documents only: whatever is cut off
before leaves nothing that an answer could draw on. An `IndexEntry` counts the vectors that are stored for certain.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from rag import chunking
from rag.errors import IngestionFailed, StoreUnavailable
from rag.extraction import child
from rag.lexical import entries, words
from rag.models import Chunk, Document, ExtractedText, IndexEntry, IndexVersion
from rag.queries import current_version, due_documents
from rag.services.in_work import DocumentGone, change_in_work, check_there
from rag.services.recognition import read_scanned_pages
from rag.store import vector_store
from rag.types import Extraction, PageKind, Problem, page_kind

if TYPE_CHECKING:
    import numpy.typing as npt

logger = logging.getLogger(__name__)

# A file that ends the whole process each time it is read must not do so for ever.
MAX_ATTEMPTS = 5
_GIVEN_UP_AFTER_ATTEMPTS = ("", Problem.CRASHED)
# After so long without a sign, the process that worked on a document is taken for dead.
LEASE = timedelta(seconds=60)
RETRY_DELAYS_S = (2, 5, 15, 30, 60)
_INSERT_BATCH = 500
MAX_DAMAGED_PAGES = 50


@dataclass(frozen=True, slots=True)
class ChunkText:
    id: int
    text: str


def recover() -> None:
    """Put back in the queue what the end of the last process cut off. Only where no other process ingests."""
    Document.objects.filter(state=Document.State.EXTRACTING).update(state=Document.State.QUEUED)
    Document.objects.exclude(leased_until=None).update(leased_until=None)


def take_document(busy_owners: Collection[int], excluded: Collection[int]) -> Document | None:
    """Return the next document to work on, its attempt counted; fail those that had too many."""
    for document in due_documents(busy_owners, excluded)[:50]:
        if document.n_attempts < MAX_ATTEMPTS or document.error not in _GIVEN_UP_AFTER_ATTEMPTS:
            break
        fail(document, Problem.CRASHED)
    else:
        return None
    free = Q(leased_until=None) | Q(leased_until__lte=timezone.now())
    if not Document.objects.filter(free, pk=document.pk, state=document.state).update(
        n_attempts=F("n_attempts") + 1,
        work_since=timezone.now(),
        work_before=F("n_chunks_done"),
        leased_until=timezone.now() + LEASE,
    ):
        # Another process was quicker.
        return take_document(busy_owners, excluded)
    if document.state == Document.State.QUEUED:
        change_in_work(document, state=Document.State.EXTRACTING)
        document.state = Document.State.EXTRACTING
    return document


def renew(document_ids: Collection[int]) -> None:
    """Say that these documents are still worked on."""
    Document.objects.filter(pk__in=document_ids).update(leased_until=timezone.now() + LEASE)


def release(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(leased_until=None)


def read(document: Document) -> None:
    """Read a document's file and store its text, cut as the index version in use wants it. Raises IngestionFailed."""
    extraction = extract(document)
    current = current_version()
    store_text(document, extraction, current.chunker if current else chunking.NAME)


def extract(document: Document) -> Extraction:
    """Return the document's text from its file. Takes seconds, minutes for many scanned pages; holds no transaction."""
    try:
        with document.file.open("rb") as file:
            if document.source_url:
                extraction = child.extract_fetched(file, document.media_type)
            else:
                extraction = child.extract_text(file, document.name)
            if extraction.scanned_pages:
                extraction = read_scanned_pages(document, file, extraction)
    except FileNotFoundError as exc:
        raise IngestionFailed(Problem.FILE_MISSING) from exc
    if extraction.problem:
        raise IngestionFailed(extraction.problem)
    return extraction


def store_text(document: Document, extraction: Extraction, chunker: str) -> None:
    """Write text, chunks and lexical entries in place of those of an earlier attempt.

    In one transaction for most documents. A long one takes several, or nobody else could write for seconds; it is
    EXTRACTING until the last, so that one that was cut off is read again from its beginning.

    Args:
        chunker: Of the index version in use; its chunks are cut as they are today.
    """
    spans = chunking.chunk_spans(extraction.text, extraction.page_spans)
    if not spans:
        raise IngestionFailed(Problem.EMPTY)
    is_long = len(spans) > _INSERT_BATCH
    with nullcontext() if is_long else transaction.atomic():
        with transaction.atomic():
            change_in_work(document, media_type=extraction.media_type)
            had_vectors = forget_text(document)
            document.refresh_from_db()
            extracted = ExtractedText.objects.create(
                document=document, text=extraction.text,
                page_spans=extraction.page_spans, page_names=extraction.page_names,
            )  # fmt: skip
        for first in range(0, len(spans), _INSERT_BATCH):
            chunks = _cut(document, extracted, spans[first : first + _INSERT_BATCH], chunker, first)
            terms = list(map(_terms_of, chunks))
            with transaction.atomic():
                change_in_work(document)
                _insert(chunks, terms)
        _finish_text(document, extraction, len(spans))
    if had_vectors:
        vector_store().remove_document(document.pk)


def _finish_text(document: Document, extraction: Extraction, n_chunks: int) -> None:
    has_pages = page_kind(extraction.media_type) != PageKind.SECTION
    with transaction.atomic():
        change_in_work(
            document, state=Document.State.EMBEDDING, n_pages=len(extraction.page_spans) if has_pages else 0,
            damaged_pages=extraction.damaged_pages[:MAX_DAMAGED_PAGES], n_chunks=n_chunks, n_chunks_done=0,
            work_since=timezone.now(), work_before=0, words=words.NAME,
        )  # fmt: skip
        if document.chunks.count() != n_chunks:
            # Stopped between two transactions, which removed some, and queued again.
            raise DocumentGone
    document.refresh_from_db()


def forget_text(document: Document) -> bool:
    """Remove text, chunks and lexical entries; return whether there may be vectors of them."""
    entries.remove(document.pk)
    document.chunks.all().delete()
    ExtractedText.objects.filter(document=document).delete()
    n_entries, _ = IndexEntry.objects.filter(document=document).delete()
    return n_entries > 0


def cut_again(document: Document, chunker: str) -> None:
    """Give a document the chunks that index versions with another chunker need, if it has none yet."""
    if document.chunks.filter(chunker=chunker).exists():
        return
    extracted = ExtractedText.objects.filter(document=document).first()
    if extracted is None:
        raise DocumentGone
    spans = chunking.chunk_spans(extracted.text, extracted.page_spans)
    chunks = _cut(document, extracted, spans, chunker, 0)
    terms = list(map(_terms_of, chunks))
    with transaction.atomic():
        check_there(document)
        for first in range(0, len(chunks), _INSERT_BATCH):
            _insert(chunks[first : first + _INSERT_BATCH], terms[first : first + _INSERT_BATCH])


def _cut(
    document: Document, extracted: ExtractedText, spans: Sequence[chunking.Span], chunker: str, first: int
) -> list[Chunk]:
    """Return the chunks of these spans; `first` is the position of the first one."""
    has_pages = page_kind(document.media_type) != PageKind.SECTION
    return [
        Chunk(
            document=document, chunker=chunker, position=position, start=span.start, end=span.end,
            page=span.page if has_pages else None, page_name=_page_name(extracted, span.page),
            text=extracted.text[span.start : span.end],
        )
        for position, span in enumerate(spans, start=first)
    ]  # fmt: skip


def _terms_of(chunk: Chunk) -> str:
    return entries.terms_in(chunking.indexed_text(chunk.page_name, chunk.text))


def _insert(chunks: Sequence[Chunk], terms: Sequence[str]) -> None:
    stored = Chunk.objects.bulk_create(chunks)
    entries.add_terms([(chunk.pk, of_chunk) for chunk, of_chunk in zip(stored, terms, strict=True)])


def _page_name(extracted: ExtractedText, page: int | None) -> str:
    return extracted.page_names[page - 1] if page and extracted.page_names else ""


def begin_entry(document: Document, version: IndexVersion) -> IndexEntry:
    """Return how far a document is in an index version, with chunks cut as that one needs them. Raises DocumentGone."""
    cut_again(document, version.chunker)
    return entry_of(document, version)


def entry_of(document: Document, version: IndexVersion) -> IndexEntry:
    """Return how far a document is in an index version. Raises DocumentGone."""
    with transaction.atomic():
        check_there(document)
        entry, _ = IndexEntry.objects.select_related("version").get_or_create(version=version, document=document)
    return entry


def next_chunks(entry: IndexEntry, limit: int, *, skipped: int = 0) -> list[ChunkText]:
    """Return the next chunks without a stored vector, in order, from so many on that are under way."""
    return _chunks_from(entry.document_id, entry.version, entry.n_chunks_done + skipped, limit)


def _chunks_from(document_id: int, version: IndexVersion, position: int, limit: int) -> list[ChunkText]:
    chunks = Chunk.objects.filter(document_id=document_id, chunker=version.chunker, position__gte=position)
    rows = chunks.order_by("position")[:limit].values_list("pk", "page_name", "text")
    return [ChunkText(pk, chunking.indexed_text(path, text)) for pk, path, text in rows]


def chunks_to_embed(entry: IndexEntry, document: Document, batch: int) -> list[ChunkText]:
    """Take the vectors that are known already, and return the first chunks without one."""
    copy_vectors(entry, document, batch)
    return next_chunks(entry, batch)


def copy_vectors(entry: IndexEntry, document: Document, batch: int) -> None:
    """Take the vectors of an identical file, whoever's it is, as far as the chunks are the same."""
    twins = IndexEntry.objects.filter(version=entry.version, is_complete=True, document__sha256=document.sha256)
    twin = twins.exclude(document=document).first()
    while twin:
        chunks = next_chunks(entry, batch)
        others = _chunks_from(twin.document_id, entry.version, entry.n_chunks_done, batch)
        # The same bytes under another kind of name are read in another way.
        if not chunks or [chunk.text for chunk in chunks] != [other.text for other in others]:
            return
        found = vector_store().vectors(entry.version.collection, [other.id for other in others])
        if len(found) < len(others):
            return
        store_vectors(entry, chunks, np.stack([found[other.id] for other in others]))


def store_vectors(entry: IndexEntry, chunks: Sequence[ChunkText], vectors: npt.NDArray[np.float32]) -> None:
    """Store vectors, shape (n_chunks, n_dims), then count them as done.

    Raises:
        DocumentGone: It was deleted, stopped or read anew meanwhile, or the version was dropped; its vectors are gone.
    """
    vector_store().add(entry.version.collection, entry.document_id, [chunk.id for chunk in chunks], vectors)
    entry.n_chunks_done += len(chunks)
    with transaction.atomic():
        is_there = IndexEntry.objects.filter(pk=entry.pk).update(n_chunks_done=entry.n_chunks_done)
        # For people's eyes while it is on its way; a READY document stays as it is while another index is built.
        document = Document.objects.filter(pk=entry.document_id)
        document.filter(state=Document.State.EMBEDDING).update(
            n_chunks_done=entry.n_chunks_done, n_attempts=0, error="", updated_at=timezone.now()
        )
        is_there = is_there and document.filter(state__in=[Document.State.EMBEDDING, Document.State.READY]).exists()
    if not is_there:
        vector_store().remove_from(entry.version.collection, entry.document_id)
        raise DocumentGone


def complete(entry: IndexEntry) -> bool:
    """Mark an entry complete if every chunk has its vector; else start it again and return False."""
    chunks = Chunk.objects.filter(document_id=entry.document_id, chunker=entry.version.chunker)
    n_chunks, n_stored = chunks.count(), vector_store().count(entry.version.collection, entry.document_id)
    entry.is_complete = n_stored == n_chunks
    entry.n_chunks_done = n_chunks if entry.is_complete else 0
    if not entry.is_complete:
        logger.warning("Document %d has %d of %d vectors", entry.document_id, n_stored, n_chunks)
        vector_store().remove_from(entry.version.collection, entry.document_id)
    if not IndexEntry.objects.filter(pk=entry.pk).update(
        n_chunks_done=entry.n_chunks_done, is_complete=entry.is_complete
    ):
        raise DocumentGone
    return entry.is_complete


def finish(document: Document, entry: IndexEntry) -> bool:
    """Make a document READY; return False if another index version came into use meanwhile."""
    with transaction.atomic():
        version = IndexVersion.objects.select_for_update().filter(pk=entry.version_id).first()
        if version is None or version.state != IndexVersion.State.CURRENT:
            return False
        change_in_work(
            document, state=Document.State.READY, error="", n_attempts=0, retry_at=None,
            n_chunks=entry.n_chunks_done, n_chunks_done=entry.n_chunks_done,
        )  # fmt: skip
    return True


def finish_without_vectors(document: Document, version: IndexVersion) -> bool:
    """Make a document READY, to be found by its words, while the vectors in use cannot be reached; else as `finish`.

    The version that is being built in their place will hold it before it comes into use.
    """
    n_chunks = document.chunks.filter(chunker=version.chunker).count()
    with transaction.atomic():
        found = IndexVersion.objects.select_for_update().filter(pk=version.pk).first()
        if found is None or found.state != IndexVersion.State.CURRENT:
            return False
        change_in_work(
            document, state=Document.State.READY, error="", n_attempts=0, retry_at=None,
            n_chunks=n_chunks, n_chunks_done=n_chunks,
        )  # fmt: skip
    return True


def fail(document: Document, problem: Problem) -> None:
    """Mark a document as failed, leaving nothing of it in the indexes."""
    with transaction.atomic():
        had_vectors = forget_text(document)
        document.recognised_pages.all().delete()
        Document.objects.filter(pk=document.pk).update(
            state=Document.State.FAILED, error=problem, retry_at=None, n_chunks=0, n_chunks_done=0
        )
    if not had_vectors:
        return
    try:
        vector_store().remove_document(document.pk)
    except StoreUnavailable:
        # `complete` counts: vectors left here cannot make a later attempt look complete.
        logger.warning("Vectors of failed document %d were left in the store", document.pk)


def postpone(document: Document, problem: Problem) -> None:
    """Try again later, and say why in the meantime."""
    document.refresh_from_db(fields=["n_attempts"])
    delay_s = RETRY_DELAYS_S[min(document.n_attempts, len(RETRY_DELAYS_S)) - 1]
    Document.objects.filter(pk=document.pk, state__in=Document.UNFINISHED_STATES).update(
        error=problem, retry_at=timezone.now() + timedelta(seconds=delay_s)
    )
