"""Rouses the loops of this process when there is something for them to do, each for its own subject."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Wake:
    """Rouses who listens, from any thread; does nothing where nobody does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._targets: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        target = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._targets.append(target)
        try:
            yield target[1]
        finally:
            with self._lock:
                self._targets.remove(target)

    def __call__(self) -> None:
        with self._lock:
            for loop, event in self._targets:
                loop.call_soon_threadsafe(event.set)


documents = Wake()
index = Wake()
folders = Wake()
evaluations = Wake()
imports = Wake()
