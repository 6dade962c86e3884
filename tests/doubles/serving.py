"""How doubles of servers run: on a real loopback port, in a thread of their own.

So synchronous tests, asynchronous tests and child processes can all use them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from aiohttp import web

MAX_BODY_BYTES = 64 * 1024 * 1024


@dataclass(kw_only=True)
class AiohttpDouble(ABC):
    """A double that an aiohttp application makes. Use as a context manager; its attributes may change while it runs."""

    port: int = 0
    _ready: threading.Event = field(default_factory=threading.Event, repr=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False)
    _stopping: asyncio.Event | None = field(default=None, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)

    @abstractmethod
    def _application(self) -> web.Application: ...

    def wait_until(self, condition: Callable[[Self], bool], timeout_s: float = 5) -> None:
        """Block until a condition on this double holds; fail after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while not condition(self):
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {self}"
            time.sleep(0.005)

    async def wait_until_async(self, condition: Callable[[Self], bool], timeout_s: float = 5) -> None:
        await asyncio.to_thread(self.wait_until, condition, timeout_s)

    def __enter__(self) -> Self:
        name = type(self).__name__
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name=name, daemon=True)
        self._thread.start()
        assert self._ready.wait(10), f"the {name} did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._loop and self._stopping and self._thread
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        try:
            await self._stopping.wait()
        finally:
            # A connection accepted in this moment is known to the runner some rounds of the loop later, and a
            # closed one lets go of its socket some rounds later.
            await site.stop()
            await self._settle()
            await runner.cleanup()
            await self._settle()

    async def _settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


@contextmanager
def handled_by(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Serve with a handler of the standard library, a thread for each connection; yield the port."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield http.server_port
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
