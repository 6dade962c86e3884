"""Threads that read the database for questions, each on a connection that stays open from one question to the next.

Opening one costs 2 ms and begins with nothing remembered, neither pages nor the shape of the lexical index; a question
reads four times. A connection that nobody has used for a while is closed: what it remembers is memory.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from django.db import close_old_connections, connections

P = ParamSpec("P")
R = TypeVar("R")

MAX_THREADS = 4
"""Two for each of two questions at once; the others wait their turn."""
IDLE_S = 60.0
_END_TIMEOUT_S = 5.0


class _Step:
    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.outcome: Future[Any] = Future()


class _Readers:
    """The threads of one event loop. As few are started as there are steps at once."""

    def __init__(self) -> None:
        self._steps: queue.SimpleQueue[_Step | None] = queue.SimpleQueue()
        self._counting = threading.Lock()
        self._n_unfinished = 0
        self._threads: list[threading.Thread] = []

    def submit(self, work: Callable[[], R]) -> Future[R]:
        step = _Step(work)
        self._steps.put(step)
        with self._counting:
            self._n_unfinished += 1
            if len(self._threads) < min(self._n_unfinished, MAX_THREADS):
                thread = threading.Thread(target=self._run, name=f"reader {len(self._threads) + 1}", daemon=True)
                self._threads.append(thread)
                thread.start()
        return step.outcome

    def close(self) -> None:
        for _ in self._threads:
            self._steps.put(None)
        for thread in self._threads:
            thread.join(_END_TIMEOUT_S)

    def _run(self) -> None:
        while (step := self._next()) is not None:
            self._carry_out(step)
            # No name for it: nothing of a question may live on while this thread waits for the next one.
            del step
        connections.close_all()

    def _next(self) -> _Step | None:
        try:
            return self._steps.get(timeout=IDLE_S)
        except queue.Empty:
            connections.close_all()
        return self._steps.get()

    def _carry_out(self, step: _Step) -> None:
        """Do the work, unless its caller has given up; whatever it raises goes to the caller."""
        is_wanted = step.outcome.set_running_or_notify_cancel()
        result, error = None, None
        try:
            result = step.work() if is_wanted else None
        except BaseException as exc:
            error = exc
        _give_up_broken_connections()
        # Before the caller knows: their next step is for this thread, not for another one.
        with self._counting:
            self._n_unfinished -= 1
        if error is not None:
            step.outcome.set_exception(error)
        elif is_wanted:
            step.outcome.set_result(result)


def _give_up_broken_connections() -> None:
    """Close what a restarted server or a lost network has broken; the next step connects anew."""
    if any(connection.errors_occurred for connection in connections.all(initialized_only=True)):
        close_old_connections()


_Keeper = AsyncGenerator[_Readers, None]
_readers: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[_Readers, _Keeper]] = WeakKeyDictionary()


async def in_reader(step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function that only reads, and in no transaction of its own, beside the event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _readers:
        keeper = _keep_readers()
        _readers[loop] = await anext(keeper), keeper
    return await asyncio.wrap_future(_readers[loop][0].submit(lambda: step(*args, **kwargs)))


async def _keep_readers() -> _Keeper:
    """Yield threads and end them with the generator.

    Event loops end the generators that began in them when they shut down, so that a loop of one question, as a command
    makes, leaves no connection open.
    """
    readers = _Readers()
    try:
        yield readers
    finally:
        _readers.pop(asyncio.get_running_loop(), None)
        readers.close()
