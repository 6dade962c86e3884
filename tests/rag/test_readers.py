from __future__ import annotations

import asyncio
import threading

import pytest
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from rag import readers
from rag.models import Document
from rag.readers import MAX_THREADS, in_reader


def connection_number() -> int:
    connection.ensure_connection()
    return id(connection.connection)


@pytest.mark.usefixtures("shared_database")
async def test_one_question_after_the_other_reads_on_the_same_connection() -> None:
    assert await in_reader(connection_number) == await in_reader(connection_number)


def test_threads_and_connections_end_with_the_loop(shared_database: None) -> None:
    def open_one() -> tuple[threading.Thread, BaseDatabaseWrapper]:
        opened = connections[DEFAULT_DB_ALIAS]
        opened.ensure_connection()
        return threading.current_thread(), opened

    async def ask() -> tuple[threading.Thread, BaseDatabaseWrapper]:
        return await in_reader(open_one)

    thread, opened = asyncio.run(ask())

    assert not thread.is_alive()
    assert opened.connection is None


@pytest.mark.usefixtures("shared_database")
async def test_a_connection_that_nobody_uses_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "IDLE_S", 0.01)
    await in_reader(connection.ensure_connection)

    while await in_reader(lambda: connection.connection) is not None:
        await asyncio.sleep(0.02)


@pytest.mark.usefixtures("shared_database")
async def test_a_broken_connection_is_not_used_again() -> None:
    def lose_it() -> None:
        connection.ensure_connection()
        # As when a server is started again: Django notices at the next statement.
        connection.connection.close()
        connection.cursor().execute("SELECT 1")

    with pytest.raises(DatabaseError):
        await in_reader(lose_it)

    assert await in_reader(Document.objects.count) == 0


async def test_steps_at_once_share_a_few_threads() -> None:
    gate = threading.Event()

    def step() -> str:
        gate.wait(5)
        return threading.current_thread().name

    steps = [asyncio.create_task(in_reader(step)) for _ in range(3 * MAX_THREADS)]
    await asyncio.sleep(0)
    gate.set()

    assert len(set(await asyncio.gather(*steps))) <= MAX_THREADS


async def test_a_step_that_nobody_waits_for_any_more_is_not_begun() -> None:
    gate = threading.Event()
    begun: list[int] = []
    holding = [asyncio.create_task(in_reader(gate.wait, 5)) for _ in range(MAX_THREADS)]
    waiting = asyncio.create_task(in_reader(begun.append, 1))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait({waiting})
    gate.set()
    await asyncio.gather(*holding)

    assert await in_reader(lambda: list(begun)) == []
