"""Whether rows, lexical entries, vectors, stored files and states agree; what does not can be repaired.

Everything is looked at from both sides. What comes into being between two looks is not taken for damage: vectors are
read before the rows that they belong to, and a young file without a row is an upload that is under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef

from rag import chunking, conf
from rag.imports.taking import left_over_archives
from rag.lexical import entries
from rag.models import Chunk, Document, ExtractedText, IndexEntry, IndexVersion, Removal
from rag.services import ingestion, removals, versions, wording
from rag.store import vector_store
from rag.types import Problem

DOCUMENTS_FOLDER = "documents"
UPLOAD_MAX_S = 600.0
_WITH_VECTORS = [IndexVersion.State.CURRENT, IndexVersion.State.BUILDING, IndexVersion.State.PREVIOUS]
_REMOVE_BATCH = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that does not agree. `remedy` says what `repair` does."""

    sentence: str
    remedy: str
    repair: Callable[[], object]


def differences(*, with_vectors: bool) -> Iterator[Difference]:
    """Yield what does not agree, each before the next is looked for, so that repairing in between is seen.

    Raises:
        StoreUnavailable: `with_vectors`, and the store is another process's or cannot be read.
    """
    yield from _lexical_entries()
    yield from _documents_without_their_rows()
    yield from _failed_documents_with_rows()
    yield from _files()
    if with_vectors:
        yield from _removals()
        yield from _vectors()
        yield from _collections()


def _lexical_entries() -> Iterator[Difference]:
    with connection.cursor() as cursor:
        missing, left = entries.chunks_without_entry(cursor), entries.entries_without_chunk(cursor)
    if missing:
        yield Difference(
            f"{_counted(len(missing), 'chunk')} cannot be found by words.", "indexed", partial(_add_lexical, missing)
        )
    if left:
        yield Difference(
            f"The lexical index holds {_counted(len(left), 'chunk')} that no document has.",
            "removed",
            partial(entries.remove_entries, left),
        )
    if n_outdated := wording.outdated_documents().count():
        yield Difference(
            f"{_counted(n_outdated, 'document')} of an earlier release may not be found by all words.",
            "indexed again",
            _index_words_anew,
        )


def _index_words_anew() -> None:
    while wording.index_anew():
        pass


def _add_lexical(chunk_ids: list[int]) -> None:
    with transaction.atomic():
        rows = Chunk.objects.filter(pk__in=chunk_ids).values_list("pk", "page_name", "text")
        entries.add((pk, chunking.indexed_text(path, text)) for pk, path, text in rows)


def _documents_without_their_rows() -> Iterator[Difference]:
    ready = Document.objects.filter(state=Document.State.READY)
    for document in ready.filter(~Exists(ExtractedText.objects.filter(document=OuterRef("pk")))):
        yield Difference(f"{_named(document)} is ready, and its text is gone.", "read again", partial(_queue, document))
    current = IndexVersion.objects.filter(state=IndexVersion.State.CURRENT).first()
    if current is None:
        for document in ready:
            yield Difference(f"{_named(document)} is ready without an index.", "read again", partial(_queue, document))
        return
    # What lies in a store of before cannot be looked at; it is being made anew in the one of now.
    complete = IndexEntry.objects.filter(version=current, document=OuterRef("pk"), is_complete=True)
    own = Chunk.objects.filter(document=OuterRef("pk"), chunker=current.chunker)
    with_text = ready.filter(Exists(ExtractedText.objects.filter(document=OuterRef("pk"))))
    for document in with_text.filter(~Exists(own)):
        yield Difference(f"{_named(document)} is ready without chunks.", "read again", partial(_queue, document))
    for document in () if current.is_elsewhere else with_text.filter(Exists(own), ~Exists(complete)):
        yield Difference(
            f"{_named(document)} is ready, and the index in use does not hold it whole.",
            "indexed again",
            partial(_embed_again, document, current),
        )
    counted = Chunk.objects.filter(chunker=current.chunker).values("document").annotate(n=Count("pk"))
    counts = dict(counted.values_list("document", "n"))
    for document in with_text.filter(Exists(complete)):
        n_chunks = counts.get(document.pk, 0)
        if n_chunks and n_chunks != document.n_chunks:
            yield Difference(
                f"{_named(document)} has {_counted(n_chunks, 'chunk')} and says {document.n_chunks}.",
                "counted",
                partial(Document.objects.filter(pk=document.pk).update, n_chunks=n_chunks, n_chunks_done=n_chunks),
            )


def _failed_documents_with_rows() -> Iterator[Difference]:
    failed = Document.objects.filter(state=Document.State.FAILED)
    for document in failed.filter(Exists(Chunk.objects.filter(document=OuterRef("pk")))):
        yield Difference(
            f"{_named(document)} has failed, and chunks of it are left.",
            "removed",
            partial(ingestion.fail, document, Problem(document.error or Problem.CRASHED)),
        )


def _files() -> Iterator[Difference]:
    stored = set(default_storage.listdir(DOCUMENTS_FOLDER)[1]) if default_storage.exists(DOCUMENTS_FOLDER) else set()
    # Rows after files: the row of an upload comes later than its file.
    known = {name.rpartition("/")[2] for name in Document.objects.values_list("file", flat=True)}
    known |= {name.rpartition("/")[2] for name in Removal.objects.values_list("file", flat=True)}
    for name in sorted(stored - known):
        path = f"{DOCUMENTS_FOLDER}/{name}"
        if time.time() - default_storage.get_modified_time(path).timestamp() > UPLOAD_MAX_S:
            yield Difference(
                f"The file {path} belongs to no document.", "removed", partial(default_storage.delete, path)
            )
    for archive in left_over_archives():
        yield Difference(
            f"The archive {archive} belongs to no import.", "removed", partial(default_storage.delete, archive)
        )
    for document in Document.objects.exclude(state=Document.State.FAILED).order_by("pk"):
        if not document.file or not default_storage.exists(document.file.name or ""):
            yield Difference(
                f"The file of {_named(document)} is gone.",
                "marked as failed",
                partial(ingestion.fail, document, Problem.FILE_MISSING),
            )
    uuids = {uuid.hex for uuid in Document.objects.values_list("uuid", flat=True)}
    for image in sorted(conf.page_cache_folder().glob("*.png")):
        if image.name.partition("-")[0] not in uuids:
            yield Difference(
                f"The page image {image.name} belongs to no document.",
                "removed",
                partial(image.unlink, missing_ok=True),
            )


def _removals() -> Iterator[Difference]:
    for removal in removals.due_removals():
        yield Difference(
            f"Document {removal.document_id} was deleted, and what lies outside the database is still there.",
            "removed",
            partial(removals.finish_removal, removal),
        )


def _vectors() -> Iterator[Difference]:
    store = vector_store()
    for version in IndexVersion.objects.filter(state__in=_WITH_VECTORS, store=conf.store_name()).order_by("pk"):
        complete = set(version.entries.filter(is_complete=True).values_list("document", flat=True))
        stored = store.contents(version.collection)
        chunks = dict(Chunk.objects.filter(chunker=version.chunker).values_list("pk", "document"))
        left = sorted(chunk_id for chunk_id, document in stored.items() if chunks.get(chunk_id) != document)
        if left:
            yield Difference(
                f"The index of {version} holds {_counted(len(left), 'vector')} that no chunk has.",
                "removed",
                partial(_remove_vectors, version.collection, left),
            )
        yield from _missing_vectors(version, complete, stored, chunks)


def _missing_vectors(
    version: IndexVersion, complete: set[int], stored: dict[int, int], chunks: dict[int, int]
) -> Iterator[Difference]:
    missing: dict[int, int] = {}
    for chunk_id, document_id in chunks.items():
        if document_id in complete and stored.get(chunk_id) != document_id:
            missing[document_id] = missing.get(document_id, 0) + 1
    for document in Document.objects.filter(pk__in=missing).order_by("pk"):
        yield Difference(
            f"{_named(document)} lacks {_counted(missing[document.pk], 'vector')} in the index of {version}.",
            "indexed again",
            partial(_embed_again, document, version),
        )


def _collections() -> Iterator[Difference]:
    store = vector_store()
    known = {version.collection for version in IndexVersion.objects.exclude(state=IndexVersion.State.DROPPED)}
    for collection in sorted(set(store.collections()) - known):
        yield Difference(f"The vectors of {collection} belong to no index.", "removed", partial(store.drop, collection))
    unused = versions.unused_chunks()
    if unused.exists():
        yield Difference(
            f"{_counted(unused.count(), 'chunk')} from an index that is no more.",
            "removed",
            versions.forget_unused_chunks,
        )


def _remove_vectors(collection: str, chunk_ids: list[int]) -> None:
    for first in range(0, len(chunk_ids), _REMOVE_BATCH):
        vector_store().remove_chunks(collection, chunk_ids[first : first + _REMOVE_BATCH])


def _embed_again(document: Document, version: IndexVersion) -> None:
    """Let a document's vectors be made anew; a version that is not in use does so before it comes into use."""
    with transaction.atomic():
        IndexEntry.objects.filter(document=document, version=version).update(n_chunks_done=0, is_complete=False)
        if version.state == IndexVersion.State.CURRENT:
            Document.objects.filter(pk=document.pk, state=Document.State.READY).update(
                state=Document.State.EMBEDDING, n_chunks_done=0, n_attempts=0, error="", retry_at=None
            )


def _queue(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(
        state=Document.State.QUEUED, n_chunks_done=0, n_attempts=0, error="", retry_at=None
    )


def _named(document: Document) -> str:
    return f"Document {document.pk} ({document.name})"


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
