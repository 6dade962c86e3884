"""The loop itself: it takes documents up by itself, fairly, and stops when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.core.files.base import ContentFile
from django.db import OperationalError, connections
from django.utils import timezone

from inference.errors import ConnectionRefused
from rag import tasks
from rag.api import create_document, index_state, ingestion_loop, retry_document, wait_until_ready
from rag.models import Document
from rag.services import ingestion
from rag.store import ownership
from rag.types import Extraction
from tests.doubles.embedder import FakeEmbedder
from tests.factories import make_document
from webui.accounts.models import User

pytestmark = pytest.mark.usefixtures("shared_database")


@asynccontextmanager
async def running_loop() -> AsyncIterator[None]:
    loop = asyncio.create_task(ingestion_loop())
    try:
        yield
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop


@database_sync_to_async
def upload(owner: User, text: str, name: str = "a.txt") -> Document:
    return create_document(owner, ContentFile(text.encode(), name=name))


async def states(*documents: Document) -> list[str]:
    async for _ in wait_until_ready([document.pk for document in documents], timeout_s=30):
        pass
    for document in documents:
        await document.arefresh_from_db()
    return [document.state for document in documents]


async def test_an_upload_becomes_ready_by_itself(alice: User, embedder: FakeEmbedder) -> None:
    async with running_loop():
        document = await upload(alice, "The lighthouse was built in 1902.")

        assert await states(document) == ["ready"]


async def test_what_lay_there_at_the_start_is_taken_up(alice: User, embedder: FakeEmbedder) -> None:
    document = await upload(alice, "The lighthouse was built in 1902.")
    await Document.objects.aupdate(state=Document.State.EXTRACTING)

    async with running_loop():
        assert await states(document) == ["ready"]


async def test_one_bad_file_does_not_hold_up_the_others(alice: User, embedder: FakeEmbedder) -> None:
    bad = await upload(alice, "%PDF-1.4 nothing of the kind", "bad.pdf")
    good = await upload(alice, "The lighthouse was built in 1902.")

    async with running_loop():
        assert await states(bad, good) == ["failed", "ready"]


async def test_waiting_tells_the_progress_and_ends_at_its_time(alice: User, embedder: FakeEmbedder) -> None:
    embedder.error = ConnectionRefused("http://127.0.0.1:1")
    document = await upload(alice, "The lighthouse was built in 1902.")

    async with running_loop():
        seen = [left[0].error async for left in wait_until_ready([document.pk], timeout_s=3)]

        embedder.error = None
        await database_sync_to_async(retry_document)(document)
        assert await states(document) == ["ready"]
    assert seen[-1] == "embedder_down"


async def test_a_surprise_in_one_document_leaves_the_loop_running(
    alice: User, embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store_text = ingestion.store_text

    def surprising(document: Document, extraction: Extraction, chunker: str) -> None:
        if document.name == "bad.txt":
            raise ZeroDivisionError
        store_text(document, extraction, chunker)

    monkeypatch.setattr(ingestion, "store_text", surprising)
    bad = await upload(alice, "A bad one.", "bad.txt")
    good = await upload(alice, "A good one.", "good.txt")

    async with running_loop():
        # It is tried again afterwards, and its error is gone meanwhile.
        async for left in wait_until_ready([bad.pk], timeout_s=20):
            if left[0].error:
                break
        assert (left[0].state, left[0].error) == ("extracting", "crashed")
        assert await states(good) == ["ready"]


async def test_while_the_disk_is_full_documents_wait_and_none_is_given_up(
    alice: User, embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await upload(alice, "The lighthouse was built in 1902.")
    store_text = ingestion.store_text

    def full(*_: object) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(ingestion, "store_text", full)
    for _ in range(ingestion.MAX_ATTEMPTS + 2):
        await Document.objects.aupdate(retry_at=None)
        taken = await database_sync_to_async(ingestion.take_document)([], [])
        assert taken is not None
        await tasks.ingest(taken)
        await database_sync_to_async(ingestion.release)(taken)
    await document.arefresh_from_db()
    assert (document.state, document.error) == ("extracting", "index_failed")

    monkeypatch.setattr(ingestion, "store_text", store_text)
    await database_sync_to_async(retry_document)(document)
    async with running_loop():
        assert await states(document) == ["ready"]


async def test_a_deletion_in_the_middle_leaves_nothing(alice: User, embedder: FakeEmbedder) -> None:
    document = await upload(alice, "The lighthouse was built in 1902.")
    taken = await database_sync_to_async(ingestion.take_document)([], [])
    await document.adelete()

    from rag.tasks import ingest

    await ingest(taken)

    assert not await Document.objects.aexists()


def test_nobody_waits_behind_a_persons_thousand_files(alice: User, bob: User) -> None:
    for _ in range(3):
        make_document(owner=alice, state=Document.State.QUEUED)
    bobs = make_document(owner=bob, state=Document.State.QUEUED)

    first = ingestion.take_document([], [])
    second = ingestion.take_document([first.owner_id], [first.pk])

    assert first.owner == alice
    assert second == bobs


def test_the_state_of_the_index_counts_what_waits_and_what_failed(alice: User) -> None:
    make_document(owner=alice, state=Document.State.QUEUED)
    make_document(owner=alice, state=Document.State.FAILED, error="scanned")

    state = index_state()

    assert (state.is_ready, state.n_waiting, state.n_failed) == (True, 1, 1)
    ownership.release()


def test_what_one_process_works_on_no_other_takes_until_it_falls_silent(alice: User) -> None:
    make_document(owner=alice, state=Document.State.QUEUED)
    taken = ingestion.take_document([], [])

    assert ingestion.take_document([], []) is None
    ingestion.renew([taken.pk])
    assert ingestion.take_document([], []) is None
    # Its process is gone: nobody renews.
    Document.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert ingestion.take_document([], []) == taken


def test_processes_that_take_at_once_take_different_documents(alice: User) -> None:
    for _ in range(6):
        make_document(owner=alice, state=Document.State.QUEUED)

    def take(_: int) -> int:
        taken = ingestion.take_document([], [])
        connections.close_all()
        return taken.pk

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(take, range(6)))) == 6


async def test_a_document_is_free_again_after_its_turn(alice: User, embedder: FakeEmbedder) -> None:
    embedder.error = ConnectionRefused("http://127.0.0.1:1")
    document = await upload(alice, "The lighthouse was built in 1902.")

    async with running_loop():
        async for left in wait_until_ready([document.pk], timeout_s=20):
            if left[0].error:
                break
        embedder.error = None
        await database_sync_to_async(retry_document)(document)
        assert await states(document) == ["ready"]


async def test_with_a_shared_store_a_process_ingests_beside_the_owner(
    alice: User, embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(tasks, "become_owner", never)
    monkeypatch.setattr(tasks.store, "is_shared", lambda: True)
    document = await upload(alice, "The lighthouse was built in 1902.")

    async with running_loop():
        assert await states(document) == ["ready"]
