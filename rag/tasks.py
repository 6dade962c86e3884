"""The ingestion loop: takes documents up one after another, a few at a time, for as long as the web process lives.

Nothing heavy happens here: files are read in bounded child processes, texts embedded by the inference server, rows and
vectors written in threads.
"""

from __future__ import annotations

import asyncio
import logging
import threading

from inference import client
from inference.errors import InferenceError, ModelNotFound
from rag import conf, embedding
from rag.errors import IngestionFailed, StoreOwnedElsewhere, StoreUnavailable
from rag.extraction import child
from rag.models import Document, IndexVersion
from rag.services import ingestion, removals
from rag.services.in_work import DocumentGone
from rag.store import ownership
from rag.threads import in_thread
from rag.types import Problem

logger = logging.getLogger(__name__)

CONCURRENCY = 2
# Work that another process has left is found at the latest after so long.
POLL_S = 2.0
OWNERSHIP_POLL_S = 5.0
# Vectors of so many chunks are stored, and counted, at once.
STORE_BATCH = 64


class Wake:
    """Rouses the loop from any thread; does nothing where no loop runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._target: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def listen(self) -> asyncio.Event:
        with self._lock:
            event = asyncio.Event()
            self._target = (asyncio.get_running_loop(), event)
        return event

    def stop_listening(self) -> None:
        with self._lock:
            self._target = None

    def __call__(self) -> None:
        with self._lock:
            if self._target:
                loop, event = self._target
                loop.call_soon_threadsafe(event.set)


wake = Wake()


async def ingestion_loop() -> None:
    """Ingest documents until cancelled. A document that was cut off is resumed from what is already stored."""
    event = wake.listen()
    try:
        await _become_owner()
        await in_thread(ingestion.recover)
        async with asyncio.TaskGroup() as group:
            await _take_up_documents(group, event)
    finally:
        wake.stop_listening()
        child.stop_all()


async def _become_owner() -> None:
    """Wait until no other process owns the vector store; that one ingests meanwhile."""
    while True:
        try:
            return await asyncio.to_thread(ownership.acquire)
        except StoreOwnedElsewhere:
            await asyncio.sleep(OWNERSHIP_POLL_S)
        except StoreUnavailable as exc:
            logger.error("The vector folder cannot be used: %s", exc)
            await asyncio.sleep(OWNERSHIP_POLL_S)


async def _take_up_documents(group: asyncio.TaskGroup, event: asyncio.Event) -> None:
    in_work: dict[int, Document] = {}

    async def work(document: Document) -> None:
        try:
            await ingest(document)
        finally:
            del in_work[document.pk]
            event.set()

    while True:
        event.clear()
        await in_thread(removals.finish_removals)
        while len(in_work) < CONCURRENCY:
            busy_owners = {document.owner_id for document in in_work.values()}
            document = await in_thread(ingestion.take_document, busy_owners, list(in_work))
            if document is None:
                break
            in_work[document.pk] = document
            group.create_task(work(document))
        try:
            await asyncio.wait_for(event.wait(), POLL_S)
        except TimeoutError:
            continue


async def ingest(document: Document) -> None:
    """Bring one document as far as it goes: ready, failed, or waiting for its next try. Never raises."""
    try:
        await _ingest(document)
    except DocumentGone:
        logger.info("Document %d was deleted while it was being read", document.pk)
    except IngestionFailed as exc:
        await in_thread(ingestion.fail, document, exc.problem)
    except ModelNotFound:
        await in_thread(ingestion.postpone, document, Problem.EMBEDDER_MISSING)
    except InferenceError as exc:
        logger.info("Document %d waits for its embedder: %s", document.pk, type(exc).__name__)
        await in_thread(ingestion.postpone, document, Problem.EMBEDDER_DOWN)
    except StoreUnavailable as exc:
        logger.warning("Document %d waits for the vector store: %s", document.pk, exc)
        await in_thread(ingestion.postpone, document, Problem.INDEX_FAILED)
    except Exception:
        # The outermost handler of this document; the others go on.
        logger.exception("The ingestion of document %d failed", document.pk)
        await in_thread(ingestion.postpone, document, Problem.CRASHED)


async def _ingest(document: Document) -> None:
    if document.state == Document.State.EXTRACTING:
        extraction = await in_thread(ingestion.extract, document)
        await in_thread(ingestion.store_text, document, extraction)
    version = await _embed(document)
    while not await in_thread(ingestion.finish, document, version):
        version = await _embed(document)


async def _embed(document: Document) -> IndexVersion:
    """Embed and store what has no vector yet; return the index version that holds the vectors."""
    embedder = conf.embedder()
    digest = await _digest(embedder)
    version = await in_thread(ingestion.current_version, embedder, digest)
    if version is None:
        probe = await embedding.embed_texts(embedder, [document.name])
        version = await in_thread(ingestion.switch_version, embedder, digest, probe.shape[1])
    await in_thread(document.refresh_from_db, fields=["n_chunks_done"])
    while chunks := await in_thread(ingestion.next_chunks, document, STORE_BATCH):
        vectors = await embedding.embed_texts(embedder, [chunk.text for chunk in chunks])
        if vectors.shape[1] != version.n_dims:
            # Another model answers to the same name.
            version = await in_thread(ingestion.switch_version, embedder, digest, vectors.shape[1])
            await in_thread(document.refresh_from_db, fields=["n_chunks_done"])
            continue
        await in_thread(ingestion.store_vectors, document, version, chunks, vectors)
    return version


async def _digest(embedder: str) -> str:
    try:
        return (await client.find_model(embedder)).digest or ""
    except InferenceError:
        # The embedding itself will tell what is wrong, if anything is.
        return ""
