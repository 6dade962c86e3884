"""Blocking work from asynchronous code."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from channels.db import DatabaseSyncToAsync

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function that blocks, or asks the database, beside the event loop and beside other such functions."""
    call = DatabaseSyncToAsync(function, thread_sensitive=False)
    return cast(R, await call(*args, **kwargs))
