"""The database thread: the short steps of sockets and answers, one after the other, on one open connection.

`database_sync_to_async` binds a connection to the calling context and closes it after each step, so that every step
of every socket opens the database anew (about 1.5 ms with SQLite). Steps here are a few milliseconds long and
writers of SQLite wait for each other anyway; one thread serves them all, and 200 sockets share one connection.

Steps that an answer waits for overtake the others: what is asked is stored before what is stored already is shown.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import PriorityQueue
from typing import Any, Final, ParamSpec, TypeVar

from django.db import close_old_connections, connections
from django.utils import translation

P = ParamSpec("P")
R = TypeVar("R")

URGENT: Final = 0
USUAL: Final = 1


@dataclass(order=True)
class _Step:
    urgency: int
    number: int
    work: Callable[[], Any] = field(compare=False)
    outcome: Future[Any] = field(compare=False, default_factory=Future)

    def carry_out(self, context: contextvars.Context) -> None:
        """Do the work, unless its caller has given up; whatever it raises goes to the caller."""
        if not self.outcome.set_running_or_notify_cancel():
            return
        try:
            result = context.run(self.work)
        except BaseException as exc:
            self.outcome.set_exception(exc)
        else:
            self.outcome.set_result(result)


class _DatabaseThread:
    """Carries out steps one after the other: urgent ones first, else as they came."""

    def __init__(self) -> None:
        self._steps: PriorityQueue[_Step] = PriorityQueue()
        self._numbers = itertools.count()
        # Django keeps its connections in the context, and this thread's outlive every task.
        self._context = contextvars.Context()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, urgency: int, work: Callable[[], R]) -> Future[R]:
        with self._start:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="database", daemon=True)
                self._thread.start()
        step = _Step(urgency, next(self._numbers), work)
        self._steps.put(step)
        return step.outcome

    def _run(self) -> None:
        while True:
            # No name for the step: nothing of it may live on while this thread waits for the next one.
            self._steps.get().carry_out(self._context)


_thread = _DatabaseThread()


async def in_database(step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run one step in the database thread, in the caller's language.

    A step that has begun is carried out even when its caller is cancelled.
    """
    return await _carried_out(USUAL, lambda: step(*args, **kwargs))


async def first_in_database(step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """As `in_database`, before all usual steps that wait."""
    return await _carried_out(URGENT, lambda: step(*args, **kwargs))


async def _carried_out(urgency: int, step: Callable[[], R]) -> R:
    language = translation.get_language()

    def work() -> R:
        with translation.override(language):
            try:
                return step()
            finally:
                _give_up_broken_connections()

    return await asyncio.wrap_future(_thread.submit(urgency, work))


async def close_database_thread() -> None:
    """Close its connection. The next step opens one again."""
    await asyncio.wrap_future(_thread.submit(USUAL, connections.close_all))


def _give_up_broken_connections() -> None:
    """Close what a restarted server or a lost network has broken; the next step connects anew."""
    if any(connection.errors_occurred for connection in connections.all(initialized_only=True)):
        close_old_connections()
