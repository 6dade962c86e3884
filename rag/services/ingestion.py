"""The steps of one ingestion, each a short transaction that can be repeated.

A document becomes READY in its last step only, and retrieval looks at READY documents only: whatever is cut off
before leaves nothing that an answer could draw on. `n_chunks_done` counts vectors that are stored for certain.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from rag import chunking, conf, lexical
from rag.errors import IngestionFailed, StoreUnavailable
from rag.extraction import child
from rag.models import Chunk, Document, ExtractedText, IndexVersion
from rag.queries import due_documents
from rag.services.in_work import DocumentGone, change_in_work
from rag.services.recognition import read_scanned_pages
from rag.store import vector_store
from rag.types import Extraction, PageKind, Problem, page_kind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

logger = logging.getLogger(__name__)

# A file that ends the whole process each time it is read must not do so for ever.
MAX_ATTEMPTS = 5
_GIVEN_UP_AFTER_ATTEMPTS = ("", Problem.CRASHED)
RETRY_DELAYS_S = (2, 5, 15, 30, 60)
_INSERT_BATCH = 500


@dataclass(frozen=True, slots=True)
class ChunkText:
    id: int
    text: str


def recover() -> None:
    """Put back in the queue what the end of the last process cut off, and what another embedder or chunker indexed.

    Call once, before the first ingestion.
    """
    Document.objects.filter(state=Document.State.EXTRACTING).update(state=Document.State.QUEUED)
    current = IndexVersion.objects.filter(is_current=True).first()
    if current and (current.embedder, current.chunker) != (conf.embedder(), chunking.NAME):
        _index_again(has_chunks=current.chunker == chunking.NAME)


def take_document(busy_owners: Collection[int], excluded: Collection[int]) -> Document | None:
    """Return the next document to work on, its attempt counted; fail those that had too many."""
    for document in due_documents(busy_owners, excluded)[:50]:
        if document.n_attempts < MAX_ATTEMPTS or document.error not in _GIVEN_UP_AFTER_ATTEMPTS:
            break
        fail(document, Problem.CRASHED)
    else:
        return None
    Document.objects.filter(pk=document.pk).update(n_attempts=F("n_attempts") + 1)
    if document.state == Document.State.QUEUED:
        change_in_work(document, state=Document.State.EXTRACTING)
        document.state = Document.State.EXTRACTING
    return document


def extract(document: Document) -> Extraction:
    """Return the document's text from its file. Takes seconds, minutes for many scanned pages; holds no transaction."""
    try:
        with document.file.open("rb") as file:
            extraction = child.extract_text(file, document.name)
            if extraction.scanned_pages:
                extraction = read_scanned_pages(document, file, extraction)
    except FileNotFoundError as exc:
        raise IngestionFailed(Problem.FILE_MISSING) from exc
    if extraction.problem:
        raise IngestionFailed(extraction.problem)
    return extraction


def store_text(document: Document, extraction: Extraction) -> None:
    """Write text, chunks and lexical entries in one transaction, in place of those of an earlier attempt."""
    spans = chunking.chunk_spans(extraction.text, extraction.page_spans)
    if not spans:
        raise IngestionFailed(Problem.EMPTY)
    has_pages = page_kind(extraction.media_type) != PageKind.SECTION
    chunks = [
        Chunk(
            document=document, position=position, start=span.start, end=span.end,
            page=span.page if has_pages else None, page_name=_page_name(extraction, span.page),
            text=extraction.text[span.start : span.end],
        )
        for position, span in enumerate(spans)
    ]  # fmt: skip
    with transaction.atomic():
        change_in_work(
            document, state=Document.State.EMBEDDING, media_type=extraction.media_type,
            n_pages=len(extraction.page_spans) if has_pages else 0, n_chunks=len(chunks), n_chunks_done=0,
        )  # fmt: skip
        lexical.remove(document.pk)
        document.chunks.all().delete()
        ExtractedText.objects.update_or_create(
            document=document,
            defaults={
                "text": extraction.text, "page_spans": extraction.page_spans, "page_names": extraction.page_names,
            },
        )  # fmt: skip
        for stored in _inserted(chunks):
            lexical.add((chunk.pk, chunk.text) for chunk in stored)
    document.refresh_from_db()


def _page_name(extraction: Extraction, page: int | None) -> str:
    return extraction.page_names[page - 1] if page and extraction.page_names else ""


def _inserted(chunks: Sequence[Chunk]) -> list[list[Chunk]]:
    return [
        Chunk.objects.bulk_create(chunks[first : first + _INSERT_BATCH])
        for first in range(0, len(chunks), _INSERT_BATCH)
    ]


def next_chunks(document: Document, limit: int) -> list[ChunkText]:
    """Return the next chunks without a stored vector, in order."""
    rows = document.chunks.filter(position__gte=document.n_chunks_done).order_by("position")[:limit]
    return [ChunkText(pk, text) for pk, text in rows.values_list("pk", "text")]


def current_version(embedder: str, digest: str) -> IndexVersion | None:
    """Return the index version in use if it was made with this embedder, else None.

    An upstream that tells no digest has not changed its model as far as anyone knows.
    """
    current = IndexVersion.objects.filter(is_current=True, embedder=embedder, chunker=chunking.NAME).first()
    if current is None or not digest or digest == current.embedder_digest:
        return current
    if current.embedder_digest:
        return None
    current.embedder_digest = digest
    current.save(update_fields=["embedder_digest"])
    return current


def switch_version(embedder: str, digest: str, n_dims: int) -> IndexVersion:
    """Return the index version for an embedder, made current.

    If another one was, every document is indexed again; answers do without a document until it is.
    """
    with transaction.atomic():
        current = IndexVersion.objects.select_for_update().filter(is_current=True).first()
        wanted: dict[str, Any] = {
            "embedder": embedder,
            "embedder_digest": digest,
            "n_dims": n_dims,
            "chunker": chunking.NAME,
        }
        if current and all(getattr(current, name) == value for name, value in wanted.items()):
            # Two documents were the first at the same moment.
            return current
        IndexVersion.objects.filter(is_current=True).update(is_current=False)
        version, _ = IndexVersion.objects.update_or_create(**wanted, defaults={"is_current": True})
        _index_again(has_chunks=current is not None and current.chunker == chunking.NAME)
    # Vectors of an earlier time with this embedder belong to chunks that may be gone.
    vector_store().drop(version.collection)
    if current:
        vector_store().drop(current.collection)
    return version


def _index_again(*, has_chunks: bool) -> None:
    begin = Document.State.EMBEDDING if has_chunks else Document.State.QUEUED
    Document.objects.filter(state=Document.State.READY).update(state=begin, n_attempts=0, error="")
    Document.objects.update(n_chunks_done=0)


def store_vectors(
    document: Document, version: IndexVersion, chunks: Sequence[ChunkText], vectors: npt.NDArray[np.float32]
) -> None:
    """Store vectors, shape (n_chunks, n_dims), then count them as done.

    Raises:
        DocumentGone: It was deleted meanwhile; its vectors are gone too.
    """
    vector_store().add(version.collection, document.pk, [chunk.id for chunk in chunks], vectors)
    document.n_chunks_done += len(chunks)
    try:
        change_in_work(document, n_chunks_done=document.n_chunks_done, n_attempts=0, error="")
    except DocumentGone:
        vector_store().remove_document(document.pk)
        raise


def finish(document: Document, version: IndexVersion) -> bool:
    """Make the document READY if every chunk has its vector; else start its embedding again and return False."""
    n_stored = vector_store().count(version.collection, document.pk)
    if n_stored != document.n_chunks:
        logger.warning("Document %d has %d of %d vectors", document.pk, n_stored, document.n_chunks)
        vector_store().remove_document(document.pk)
        change_in_work(document, n_chunks_done=0)
        document.n_chunks_done = 0
        return False
    with transaction.atomic():
        is_current = IndexVersion.objects.select_for_update().filter(pk=version.pk, is_current=True).exists()
        if is_current:
            change_in_work(document, state=Document.State.READY, error="", n_attempts=0, retry_at=None)
    return is_current


def fail(document: Document, problem: Problem) -> None:
    """Mark a document as failed, leaving nothing of it in the indexes."""
    with transaction.atomic():
        lexical.remove(document.pk)
        document.chunks.all().delete()
        document.recognised_pages.all().delete()
        ExtractedText.objects.filter(document=document).delete()
        Document.objects.filter(pk=document.pk).update(
            state=Document.State.FAILED, error=problem, retry_at=None, n_chunks=0, n_chunks_done=0
        )
    if not IndexVersion.objects.exists():
        return
    try:
        vector_store().remove_document(document.pk)
    except StoreUnavailable:
        # `finish` counts: vectors left here cannot make a later attempt look complete.
        logger.warning("Vectors of failed document %d were left in the store", document.pk)


def postpone(document: Document, problem: Problem) -> None:
    """Try again later, and say why in the meantime."""
    document.refresh_from_db(fields=["n_attempts"])
    delay_s = RETRY_DELAYS_S[min(document.n_attempts, len(RETRY_DELAYS_S)) - 1]
    Document.objects.filter(pk=document.pk, state__in=Document.UNFINISHED_STATES).update(
        error=problem, retry_at=timezone.now() + timedelta(seconds=delay_s)
    )
