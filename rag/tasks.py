"""The ingestion loop: takes documents up one after another, a few at a time, for as long as the web process lives.

Beside it the index is built anew when its embedder or its chunker is another one.

Nothing heavy happens here: files are read in bounded child processes, texts embedded by the inference server, rows and
vectors written in threads.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from django.db import OperationalError

from inference.errors import InferenceError, ModelNotFound
from rag import chunking, conf, embedding, queries, store, waking
from rag.errors import (
    EmbedderChanged,
    EmbedderFixed,
    EmbedderUnfit,
    EmbedderUseless,
    IngestionFailed,
    StoreOwnedElsewhere,
    StoreUnavailable,
)
from rag.extraction import child
from rag.models import Document, IndexEntry, IndexVersion
from rag.services import ingestion, left_stores, removals, versions, wording
from rag.services.in_work import DocumentGone
from rag.services.ingestion import ChunkText
from rag.store import ownership
from rag.threads import in_thread
from rag.types import Problem

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from django.contrib.auth.base_user import AbstractBaseUser

logger = logging.getLogger(__name__)

CONCURRENCY = 2
# Work that another process has left is found at the latest after so long.
POLL_S = 2.0
RENEW_S = 15.0
OWNERSHIP_POLL_S = 5.0
INDEX_POLL_S = 30.0
INDEX_RETRY_S = 5.0
GONE_PAUSE_S = 0.5
# Vectors of so many chunks are stored, and counted, at once.
STORE_BATCH = 64


async def ingestion_loop() -> None:
    """Ingest documents, and build the index anew when it must be, until cancelled.

    What was cut off is resumed from what is already stored.
    """
    try:
        if not store.is_shared():
            await become_owner()
            await in_thread(ingestion.recover)
        async with asyncio.TaskGroup() as group:
            group.create_task(_build_index())
            with waking.documents.listening() as event:
                await _take_up_documents(group, event)
    finally:
        child.stop_all()


async def become_owner() -> None:
    """Wait until no other process owns the vector folder; that one does meanwhile what only one may do.

    It owns an embedded vector store. With a shared one it is the first of equals: all ingest, one builds the index.
    """
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
            await in_thread(ingestion.release, document)
            event.set()

    renewed = time.monotonic()
    while True:
        event.clear()
        if in_work and time.monotonic() - renewed > RENEW_S:
            await in_thread(ingestion.renew, list(in_work))
            renewed = time.monotonic()
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
    """Bring one document as far as it goes: ready, failed, or waiting for its next try.

    Raises OperationalError when the database does not even take that it waits; whoever runs the loop begins it again.
    """
    try:
        await _ingest(document)
    except DocumentGone:
        logger.info("Document %d was deleted while it was being read", document.pk)
    except IngestionFailed as exc:
        await in_thread(ingestion.fail, document, exc.problem)
    except (InferenceError, EmbedderUnfit, StoreUnavailable) as exc:
        problem = problem_of(exc)
        logger.info("Document %d waits: %s (%s)", document.pk, problem, type(exc).__name__)
        await in_thread(ingestion.postpone, document, problem)
        if problem == Problem.EMBEDDER_CHANGED:
            waking.index()
    except OperationalError:
        # A full disk, or a database that is away: nothing that the document could be given up for.
        logger.exception("The database did not take what the ingestion of document %d wrote", document.pk)
        await in_thread(ingestion.postpone, document, Problem.INDEX_FAILED)
    except Exception:
        # The outermost handler of this document; the others go on.
        logger.exception("The ingestion of document %d failed", document.pk)
        await in_thread(ingestion.postpone, document, Problem.CRASHED)


async def _ingest(document: Document) -> None:
    if document.state == Document.State.EXTRACTING:
        await in_thread(ingestion.read, document)
    while True:
        version = await in_thread(queries.current_version)
        if version is None:
            version = await in_thread(versions.first_version, await embedding.probe(conf.first_embedder()))
        if version.is_elsewhere:
            await in_thread(ingestion.cut_again, document, version.chunker)
            if await in_thread(ingestion.finish_without_vectors, document, version):
                return
            continue
        entry = await _embed(document, version)
        if await in_thread(ingestion.finish, document, entry):
            return


async def _embed(document: Document, version: IndexVersion) -> IndexEntry:
    """Embed and store what has no vector in a version yet; return the entry when it is complete."""
    entry = await in_thread(ingestion.begin_entry, document, version)
    while True:
        chunks = await in_thread(ingestion.chunks_to_embed, entry, document, STORE_BATCH)
        await _embed_the_rest(entry, version, chunks)
        if await in_thread(ingestion.complete, entry):
            return entry


async def _embed_the_rest(entry: IndexEntry, version: IndexVersion, chunks: list[ChunkText]) -> None:
    """Embed and store these chunks and all after them. While one batch is being stored, the next is being embedded."""

    def begin(chunks: list[ChunkText]) -> asyncio.Task[npt.NDArray[np.float32]] | None:
        texts = [chunk.text for chunk in chunks]
        return asyncio.create_task(embedding.embed_for(version, texts)) if texts else None

    embed = begin(chunks)
    try:
        while embed:
            began = time.monotonic()
            vectors = await embed
            following: list[ChunkText] = []
            if len(chunks) == STORE_BATCH:
                following = await in_thread(ingestion.next_chunks, entry, STORE_BATCH, skipped=len(chunks))
            embed = begin(following)
            await in_thread(ingestion.store_vectors, entry, chunks, vectors)
            if version.state == IndexVersion.State.BUILDING:
                await in_thread(versions.note_progress, version, len(chunks), time.monotonic() - began)
            chunks = following
    finally:
        if embed and not embed.done():
            embed.cancel()
            await asyncio.wait([embed])


async def _build_index() -> None:
    """Build the index version that is wanted, whenever it is not the one in use, and bring it into use."""
    await become_owner()
    with waking.index.listening() as event:
        while True:
            event.clear()
            delay_s = await build_on()
            if delay_s:
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), delay_s)


async def build_on() -> float:
    """Do the next piece of building; return the seconds to wait for more. Never raises."""
    building = None
    try:
        if await in_thread(wording.index_anew):
            return 0.0
        await in_thread(versions.remove_retired)
        building = await _wanted_version()
        if building is None:
            await in_thread(left_stores.empty_left_stores)
            return INDEX_POLL_S
        document = await in_thread(lambda: versions.missing_documents(building).first())
        if document is not None:
            await _embed(document, building)
        elif await in_thread(versions.switch, building):
            logger.info("Answers draw on the index of %s now", building)
        return 0.0
    except DocumentGone:
        # Deleted, or without its text: then it would come again at once.
        return GONE_PAUSE_S
    except (InferenceError, EmbedderUnfit, StoreUnavailable) as exc:
        logger.info("The building of the index waits: %s", type(exc).__name__)
        problem = problem_of(exc)
    except Exception:
        # The outermost handler of the building; documents go on.
        logger.exception("The building of the index failed")
        problem = Problem.CRASHED
    if building is not None:
        await in_thread(versions.note_problem, building, problem)
    return INDEX_RETRY_S


async def choose_embedder(embedder: str, *, by: AbstractBaseUser | None = None) -> IndexVersion:
    """Measure an embedder and let the index be built with it; without any documents it is the first one's.

    Raises:
        inference.errors.InferenceError: It does not answer.
        EmbedderUseless: Its vectors do not tell texts apart.
        EmbedderFixed: The environment names another one.
    """
    if conf.fixed_embedder() not in ("", conf.plain_name(embedder)):
        raise EmbedderFixed(conf.fixed_embedder())
    version = await in_thread(versions.begin_build, await embedding.probe(embedder), by=by)
    waking.index()
    return version


def roll_back() -> IndexVersion:
    """Let the index that was in use before come into use again. Raises NothingToRollBack."""
    version = versions.roll_back()
    waking.index()
    return version


async def _wanted_version() -> IndexVersion | None:
    """Return the version to build, or None while the one in use is what is wanted.

    The one in use is to be built on when it lacks documents: those that came while its store was not configured.
    """
    current = await in_thread(queries.current_version)
    if current is None:
        # The first document makes the first version.
        return None
    building = await in_thread(queries.version_in, IndexVersion.State.BUILDING)
    embedder = conf.fixed_embedder() or (building or current).embedder
    digest = await embedding.digest_of(embedder)
    for version in filter(None, (building, current)):
        if version.embedder == embedder and embedding.is_same_model(version, digest) and not version.is_elsewhere:
            await in_thread(versions.learn_digest, version, digest)
            if version is building:
                return building
            if version.chunker == chunking.NAME:
                return await in_thread(_rest_of, version, building)
    # What somebody gave up, or went back from, does not begin again by itself: unless nothing else is at hand.
    if not current.is_elsewhere and await in_thread(versions.is_known, embedder, digest):
        return building
    return await in_thread(versions.begin_build, await embedding.probe(embedder))


def _rest_of(current: IndexVersion, building: IndexVersion | None) -> IndexVersion | None:
    """Return what there is to build while the version in use is the one that is wanted."""
    if building is not None and not building.is_elsewhere:
        return building
    if building is not None:
        # The store of before is configured again.
        versions.abort_build()
    return current if versions.missing_documents(current).exists() else None


def problem_of(exc: InferenceError | EmbedderUnfit | StoreUnavailable) -> Problem:
    match exc:
        case ModelNotFound():
            return Problem.EMBEDDER_MISSING
        case EmbedderChanged():
            return Problem.EMBEDDER_CHANGED
        case EmbedderUseless():
            return Problem.EMBEDDER_USELESS
        case StoreUnavailable():
            return Problem.INDEX_FAILED
        case _:
            return Problem.EMBEDDER_DOWN
