"""The body of `POST /api/blobs/DIGEST`: written to the disk while it arrives, however large it is.

Django would see a body only once all of it is here, and Daphne would hold it in memory; so the HTTP server hands it to
this class instead, and the view finds it in the request's scope.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Protocol
from urllib.parse import unquote_to_bytes

from inference.library.blobs import BlobWriter

logger = logging.getLogger(__name__)

SCOPE_KEY = "hearth.blob"
MAX_AT_ONCE = 16

_ROUTE = re.compile(rb"/api/blobs/([^?#]*)(?:[?#].*)?", re.DOTALL)
_WRITE_BYTES = 1024 * 1024


class Transport(Protocol):
    def pauseProducing(self) -> None: ...  # noqa: N802 (Twisted's name)
    def resumeProducing(self) -> None: ...  # noqa: N802


def digest_of_upload(method: bytes, target: bytes) -> str | None:
    """Return what a request line names as the digest of its body, unchecked; None for every other request."""
    match = _ROUTE.fullmatch(target)
    return unquote_to_bytes(match[1]).decode(errors="replace") if match is not None and method == b"POST" else None


class BlobBody:
    """Writes in a thread, one piece at a time, and lets the sender wait while the disk is slower than the network.

    Lives on the event loop.

    Args:
        fail: Called once when a write failed; nothing is written after it.
    """

    def __init__(self, writer: BlobWriter, transport: Transport, fail: Callable[[BaseException], None]) -> None:
        self.writer = writer
        self._transport = transport
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._writing: asyncio.Future[None] | None = None
        self._is_paused = self._is_closed = False
        self._when_written: Callable[[], None] | None = None

    def feed(self, data: bytes) -> None:
        if self._is_closed:
            return
        self._buffer += data
        if len(self._buffer) < _WRITE_BYTES:
            return
        if self._writing is None:
            self._write()
        elif not self._is_paused:
            self._is_paused = True
            self._transport.pauseProducing()

    def end(self, when_written: Callable[[], None]) -> None:
        """Write the rest and call back; never when it fails, or is closed before."""
        self._when_written = when_written
        if self._writing is None:
            self._go_on()

    def close(self) -> None:
        """Delete what was not finished. May be called more than once."""
        if not self._is_closed:
            self._is_closed = True
            self._buffer.clear()
            if self._writing is None:
                self._loop.run_in_executor(None, self.writer.close)

    def _write(self) -> None:
        data, self._buffer = bytes(self._buffer), bytearray()
        self._writing = self._loop.run_in_executor(None, self.writer.write, data)
        self._writing.add_done_callback(self._written)

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        error = writing.exception()
        if self._is_closed:
            self._loop.run_in_executor(None, self.writer.close)
        elif error is not None:
            self.close()
            self._fail(error)
        else:
            self._go_on()

    def _go_on(self) -> None:
        if self._buffer and (self._when_written is not None or len(self._buffer) >= _WRITE_BYTES):
            self._write()
        elif self._when_written is not None:
            self._when_written()
        if self._is_paused:
            self._is_paused = False
            self._transport.resumeProducing()
