"""What the web application uses of this package."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from functools import cache

from django.db import connection
from django.db.models import Count, Q

from rag import conf, store
from rag.access import (
    chunk_of,
    document_read,
    document_write,
    evaluation_in,
    folder_in,
    golden_question_in,
    grant_of,
    knowledge_own,
    knowledge_read,
    knowledge_write,
    membership_in,
    synced_folder_of,
)
from rag.answers.citations import cited_passages
from rag.answers.markers import may_cite, without_marks
from rag.answers.quotes import quote
from rag.errors import (
    EmbedderFixed,
    EmbedderUseless,
    NothingToRollBack,
    RagError,
    StoreOwnedElsewhere,
    StoreUnavailable,
)
from rag.evaluation.loop import evaluation_loop
from rag.evaluation.measures import CUTS, Measures, compare, measure
from rag.extraction.detect import READABLE_NAMES
from rag.folders.loop import sync_loop
from rag.folders.opening import root_of
from rag.folders.placing import on_exchange
from rag.folders.rules import parse_patterns
from rag.imports.loop import import_loop
from rag.imports.taking import begin_import, stop_import
from rag.models import (
    DESCRIPTION_MAX_LENGTH,
    FOLDER_PATH_MAX_LENGTH,
    KNOWLEDGE_NAME_MAX_LENGTH,
    QUESTION_MAX_LENGTH,
    QUOTE_MAX_LENGTH,
    Chunk,
    Document,
    Evaluation,
    EvaluationResult,
    GoldenQuestion,
    ImportedFile,
    Knowledge,
    KnowledgeFolder,
    KnowledgeGrant,
    KnowledgeImport,
    Membership,
    SyncedFile,
    SyncedFolder,
)
from rag.prepared import Prepared, listed
from rag.queries import (
    chunks_of,
    documents_of,
    documents_open_to,
    documents_readable_by,
    knowledge_open_to,
    knowledge_readable_by,
    memberships_of,
    problem_files,
    progress_of,
    readable_documents,
    readable_knowledge,
    searchable_documents,
    told_questions,
    totals_of,
    writable_knowledge,
)
from rag.readers import in_reader
from rag.retrieval import retrieve
from rag.rights import readable_ids
from rag.services.documents import (
    create_document,
    delete_document,
    display_name,
    display_path,
    file_name,
    reindex_documents,
    retry_document,
    stop_document,
)
from rag.services.evaluations import ask_for_run, n_newly_lost, run_before
from rag.services.exports import export_knowledge
from rag.services.knowledge import (
    add_document,
    create_folder,
    create_knowledge,
    delete_folder,
    delete_knowledge,
    describe_knowledge,
    grant,
    move_documents,
    remove_documents,
    rename_folder,
    revoke,
)
from rag.services.left_stores import leave_behind
from rag.services.pages import PAGE_WIDTHS, DocumentText, document_text, page_image, page_marks
from rag.services.questions import (
    MAX_QUESTIONS,
    Expected,
    ImportReport,
    Refusal,
    change_question,
    create_question,
    delete_question,
    exported,
    import_questions,
)
from rag.services.surveys import Survey, choices_in, survey
from rag.services.synced_folders import (
    connect_folder,
    disconnect_folder,
    pause_folder,
    rescan_folder,
    resume_folder,
)
from rag.services.versions import IndexOverview, abort_build, drop_previous, index_overview
from rag.services.web_pages import fetch_page, keep_page, page_address
from rag.tasks import choose_embedder, ingestion_loop, roll_back
from rag.traces import readable_trace
from rag.types import IndexState
from rag.zips import ZipSink, open_zip, zip_entry

__all__ = [
    "CUTS",
    "DESCRIPTION_MAX_LENGTH",
    "FOLDER_PATH_MAX_LENGTH",
    "KNOWLEDGE_NAME_MAX_LENGTH",
    "MAX_QUESTIONS",
    "PAGE_WIDTHS",
    "QUESTION_MAX_LENGTH",
    "QUOTE_MAX_LENGTH",
    "READABLE_NAMES",
    "Chunk",
    "Document",
    "DocumentText",
    "EmbedderFixed",
    "EmbedderUseless",
    "Evaluation",
    "EvaluationResult",
    "Expected",
    "GoldenQuestion",
    "ImportReport",
    "ImportedFile",
    "IndexOverview",
    "Knowledge",
    "KnowledgeFolder",
    "KnowledgeGrant",
    "KnowledgeImport",
    "Measures",
    "Membership",
    "NothingToRollBack",
    "RagError",
    "Refusal",
    "Survey",
    "SyncedFile",
    "SyncedFolder",
    "ZipSink",
    "abort_build",
    "add_document",
    "are_ready",
    "ask_for_run",
    "begin_import",
    "change_question",
    "choices_in",
    "choose_embedder",
    "chunk_of",
    "chunks_of",
    "cited_passages",
    "compare",
    "connect_folder",
    "create_document",
    "create_folder",
    "create_knowledge",
    "create_question",
    "delete_document",
    "delete_folder",
    "delete_knowledge",
    "delete_question",
    "describe_knowledge",
    "disconnect_folder",
    "display_name",
    "display_path",
    "document_read",
    "document_text",
    "document_write",
    "documents_of",
    "documents_open_to",
    "documents_readable_by",
    "drop_previous",
    "evaluation_in",
    "evaluation_loop",
    "export_knowledge",
    "exported",
    "fetch_page",
    "file_name",
    "folder_in",
    "folder_roots",
    "golden_question_in",
    "grant",
    "grant_of",
    "import_loop",
    "import_questions",
    "index_overview",
    "leave_behind",
    "index_state",
    "ingestion_loop",
    "knowledge_open_to",
    "keep_page",
    "knowledge_own",
    "knowledge_read",
    "knowledge_readable_by",
    "knowledge_write",
    "max_import_bytes",
    "max_upload_bytes",
    "may_cite",
    "measure",
    "membership_in",
    "memberships_of",
    "move_documents",
    "open_zip",
    "page_address",
    "on_exchange",
    "page_image",
    "page_marks",
    "n_newly_lost",
    "parse_patterns",
    "pause_folder",
    "problem_files",
    "progress_of",
    "quote",
    "readable_documents",
    "readable_ids",
    "readable_knowledge",
    "readable_trace",
    "reindex_documents",
    "remove_documents",
    "rename_folder",
    "rescan_folder",
    "resume_folder",
    "retrieve",
    "retry_document",
    "revoke",
    "roll_back",
    "root_of",
    "run_before",
    "searchable_documents",
    "stop_document",
    "stop_import",
    "survey",
    "sync_loop",
    "synced_folder_of",
    "temporary_folder",
    "told_questions",
    "totals_of",
    "wait_until_ready",
    "without_marks",
    "writable_knowledge",
    "zip_entry",
]

max_upload_bytes = conf.max_upload_bytes
max_import_bytes = conf.max_import_bytes
temporary_folder = conf.temporary_folder
folder_roots = conf.folder_roots

_WAIT_POLL_S = 0.2


async def wait_until_ready(document_ids: Collection[int], timeout_s: float) -> AsyncIterator[list[Document]]:
    """Yield the unfinished documents, first at once and then whenever they have come further, until none is left.

    Ends after `timeout_s` seconds whatever is left. Documents that failed are not waited for.
    """
    deadline = time.monotonic() + timeout_s
    seen: list[tuple[int, str, int, str]] = []
    while unfinished := await in_reader(_unfinished, document_ids):
        progress = [(d.pk, d.state, d.n_chunks_done, d.error) for d in unfinished]
        if progress != seen:
            seen = progress
            yield unfinished
        if time.monotonic() + _WAIT_POLL_S > deadline:
            return
        await asyncio.sleep(_WAIT_POLL_S)


async def are_ready(document_ids: Collection[int]) -> bool:
    """Return whether none of these documents is unfinished or has failed."""
    return not await in_reader(lambda: _not_ready(connection.vendor).rows({"documents": document_ids}))


@cache
def _not_ready(vendor: str) -> Prepared:
    """Return the statement, written once for a kind of database."""
    found = Document.objects.filter(pk__in=listed("documents")).exclude(state=Document.State.READY)
    return Prepared.of(found.order_by().values_list("pk")[:1])


def _unfinished(document_ids: Collection[int]) -> list[Document]:
    return list(Document.objects.filter(pk__in=document_ids, state__in=Document.UNFINISHED_STATES))


def index_state() -> IndexState:
    """Return how the document side is. Cheap: one query, and an embedded vector store is not opened for it."""
    counts = Document.objects.aggregate(
        waiting=Count("pk", filter=Q(state__in=Document.UNFINISHED_STATES)),
        failed=Count("pk", filter=Q(state=Document.State.FAILED)),
    )
    try:
        store.check()
        problem = ""
    except StoreOwnedElsewhere:
        # Another web process ingests; here questions are answered by their words alone.
        problem = ""
    except StoreUnavailable as exc:
        problem = str(exc) or type(exc).__name__
    return IndexState(is_ready=not problem, detail=problem, n_waiting=counts["waiting"], n_failed=counts["failed"])
