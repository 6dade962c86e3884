"""The loops themselves, as the web process runs them: what happens in a folder is in the answers a moment later."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from channels.db import database_sync_to_async

from rag import conf, tasks
from rag.api import connect_folder, ingestion_loop, retrieve, sync_loop
from rag.folders import copying, loop, noting
from rag.models import Knowledge, SyncedFolder
from rag.store import close_store, ownership
from tests.doubles.embedder import FakeEmbedder
from tests.factories import make_knowledge
from webui.accounts.models import User

pytestmark = pytest.mark.usefixtures("shared_database", "embedder")


@asynccontextmanager
async def running_loops() -> AsyncIterator[None]:
    loops = asyncio.gather(ingestion_loop(), sync_loop())
    try:
        yield
    finally:
        loops.cancel()
        with suppress(asyncio.CancelledError):
            await loops


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noting, "GRACE_S", 0.1)
    monkeypatch.setattr(loop, "SCAN_INTERVAL_S", 0.1)
    monkeypatch.setattr(loop, "BUSY_INTERVAL_S", 0.05)
    monkeypatch.setattr(tasks, "POLL_S", 0.1)
    monkeypatch.setattr(tasks, "OWNERSHIP_POLL_S", 0.05)


def put(path: Path, content: str) -> None:
    path.write_text(content)
    os.utime(path, (1_700_000_000, 1_700_000_000 + len(content)))


async def answer_holds(user: User, knowledge: Knowledge, words: str) -> None:
    """Wait until the answer holds these words, or with none until there is no answer."""
    async with asyncio.timeout(60):
        while True:
            found = await retrieve(
                user_id=user.pk, question="the lighthouse built", document_ids=[], knowledge_ids=[knowledge.pk]
            )
            texts = [passage.text for passage in found.passages]
            if texts == ([words] if words else []):
                return
            await asyncio.sleep(0.05)


async def test_what_happens_in_a_folder_is_in_the_answers_a_moment_later(alice: User, root: User, shelf: Path) -> None:
    knowledge = await database_sync_to_async(make_knowledge)(owner=alice)
    put(shelf / "other.txt", "Locker 7 belongs to Ada.")
    async with running_loops():
        await database_sync_to_async(connect_folder)(knowledge, str(shelf), by=root)

        put(shelf / "a.txt", "The lighthouse was built in 1902.")
        await answer_holds(alice, knowledge, "The lighthouse was built in 1902.")

        put(shelf / "a.txt", "The lighthouse was built in 1911, they say.")
        await answer_holds(alice, knowledge, "The lighthouse was built in 1911, they say.")

        (shelf / "a.txt").unlink()
        await answer_holds(alice, knowledge, "")


async def test_a_process_that_does_not_ingest_looks_at_no_folder(
    alice: User, root: User, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowledge = await database_sync_to_async(make_knowledge)(owner=alice)
    await database_sync_to_async(connect_folder)(knowledge, str(shelf), by=root)
    put(shelf / "a.txt", "The lighthouse was built in 1902.")
    close_store()
    conf.vectors_folder().mkdir(exist_ok=True)
    tries = asyncio.Event()
    acquire, n_tries = ownership.acquire, 0

    def counted() -> None:
        nonlocal n_tries
        n_tries += 1
        if n_tries > 5:
            loop.call_soon_threadsafe(tries.set)
        acquire()

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(ownership, "acquire", counted)
    with (conf.vectors_folder() / "owner.lock").open("ab") as lock:
        # The lock of a file that was opened twice counts as another process's.
        fcntl.flock(lock, fcntl.LOCK_EX)
        async with running_loops():
            await tries.wait()
            folder = await SyncedFolder.objects.aget()
            assert folder.scanned_at is None

            fcntl.flock(lock, fcntl.LOCK_UN)
            await answer_holds(alice, knowledge, "The lighthouse was built in 1902.")


async def test_thousands_of_files_wait_in_rows_and_stall_nothing(
    alice: User, root: User, shelf: Path, embedder: FakeEmbedder
) -> None:
    """The event loop, which serves the chats, goes round while many files are noted."""
    knowledge = await database_sync_to_async(make_knowledge)(owner=alice)
    for number in range(3000):
        (shelf / f"{number}.txt").write_text(f"Locker {number}.")
        os.utime(shelf / f"{number}.txt", (1_700_000_000, 1_700_000_000))
    folder = await database_sync_to_async(connect_folder)(knowledge, str(shelf), by=root)
    hand = loop.FolderHand()
    n_rounds = 0

    async def watch() -> None:
        nonlocal n_rounds
        while True:
            await asyncio.sleep(0.005)
            n_rounds += 1

    began = time.monotonic()
    watching = asyncio.create_task(watch())
    while await loop.keep_step(folder.pk, hand) == 0:
        pass
    elapsed_s = time.monotonic() - began
    watching.cancel()

    assert await folder.files.acount() == 3000
    assert await folder.documents.acount() == copying.MAX_UNFINISHED
    # Measured: 50 rounds a second on two busy cores; were the files noted in the loop, it would be one.
    assert n_rounds > 5 * elapsed_s
