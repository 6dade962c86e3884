"""Blocking work from asynchronous code."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from channels.db import DatabaseSyncToAsync

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function that blocks, or asks the database, beside the event loop and beside other such functions."""
    call = DatabaseSyncToAsync(function, thread_sensitive=False)
    return cast(R, await call(*args, **kwargs))


def run_apart(function: Callable[[], R], *, timeout_s: float) -> R:
    """Run a function that may never come back, as on a disk that is not there.

    It must not ask the database. Its thread holds up nobody, not even the end of the process.

    Raises:
        TimeoutError: It did not come back in time.
    """
    outcome: queue.SimpleQueue[tuple[R | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((function(), None))
        except Exception as exc:  # noqa: BLE001  (raised below)
            outcome.put((None, exc))

    threading.Thread(target=work, name="apart", daemon=True).start()
    try:
        result, error = outcome.get(timeout=timeout_s)
    except queue.Empty as exc:
        raise TimeoutError from exc
    if error:
        raise error
    return cast(R, result)
