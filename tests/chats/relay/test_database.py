"""The database thread: one step after the other, the urgent ones first."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.utils import translation

from webui.chats.relay.database import first_in_database, in_database


def _wait(event: threading.Event) -> None:
    event.wait(10)


@contextmanager
def held_thread() -> Iterator[asyncio.Future[None]]:
    """Keep the thread busy until the block is left."""
    may_go_on = threading.Event()
    holding = asyncio.ensure_future(in_database(_wait, may_go_on))
    try:
        yield holding
    finally:
        may_go_on.set()


async def test_every_step_runs_in_the_same_thread() -> None:
    threads = await asyncio.gather(*(in_database(threading.get_ident) for _ in range(20)))

    assert len(set(threads)) == 1
    assert threading.get_ident() not in threads


async def test_urgent_steps_overtake_those_that_wait_and_each_kind_keeps_its_order() -> None:
    done: list[str] = []
    with held_thread():
        await asyncio.sleep(0)
        usual = [asyncio.ensure_future(in_database(done.append, f"usual {n}")) for n in range(3)]
        await asyncio.sleep(0)
        urgent = [asyncio.ensure_future(first_in_database(done.append, f"urgent {n}")) for n in range(3)]
        await asyncio.sleep(0)

    await asyncio.gather(*usual, *urgent)

    assert done == [*(f"urgent {n}" for n in range(3)), *(f"usual {n}" for n in range(3))]


async def test_what_a_step_raises_reaches_its_caller_and_the_next_one_runs() -> None:
    def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await in_database(fail)
    assert await in_database(lambda: 1) == 1


async def test_a_step_whose_caller_gave_up_before_it_began_is_left_out() -> None:
    done: list[str] = []
    with held_thread() as holding:
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(in_database(done.append, "too late"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await holding
    await in_database(lambda: None)

    assert done == []


async def test_a_step_speaks_the_language_of_its_caller() -> None:
    with translation.override("de"):
        assert await in_database(translation.get_language) == "de"
    with translation.override("en"):
        assert await first_in_database(translation.get_language) == "en"
