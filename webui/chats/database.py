"""The database thread: the short steps of sockets and answers, one after the other, on one open connection.

`database_sync_to_async` binds a connection to the calling context and closes it after each step, so that every step
of every socket opens the database anew (about 1.5 ms with SQLite). Steps here are a few milliseconds long and
writers of SQLite wait for each other anyway; one thread serves them all, and 200 sockets share one connection.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections
from django.utils import translation

P = ParamSpec("P")
R = TypeVar("R")

_context = contextvars.Context()
"""Of the thread: Django keeps its connections in the context, and this one outlives every task."""
_executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database")


async def in_database(step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run one step in the database thread, in the caller's language.

    A step that has begun is carried out even when its caller is cancelled.
    """
    language = translation.get_language()

    def work() -> R:
        with translation.override(language):
            try:
                return step(*args, **kwargs)
            finally:
                _give_up_broken_connections()

    return await asyncio.get_running_loop().run_in_executor(_executor, _context.run, work)


async def close_database_thread() -> None:
    """Close its connection. The next step opens one again."""
    await asyncio.get_running_loop().run_in_executor(_executor, _context.run, connections.close_all)


def _give_up_broken_connections() -> None:
    """Close what a restarted server or a lost network has broken; the next step connects anew."""
    if any(connection.errors_occurred for connection in connections.all(initialized_only=True)):
        close_old_connections()
