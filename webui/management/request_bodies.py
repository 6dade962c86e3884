"""How Daphne keeps the body of a request until the application is called. Imports Daphne, so only after the event loop.

It calls the application only when a request has come whole, and Twisted keeps what is larger than 100 kB in a file.
Two things must not happen there: more on the disk than any page takes, and a connection that is cut when the disk is
full. A browser whose connection is cut while it sends reports a broken line and never shows an answer, so the rest is
read and dropped, and the application answers in words.
"""

from __future__ import annotations

import logging
from functools import partial
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from daphne.http_protocol import HTTPFactory, WebRequest

from webui.config.body_limit import NOT_STORED_HEADER, body_limit

logger = logging.getLogger(__name__)


class BoundedRequest(WebRequest):  # type: ignore[misc]  # daphne is not typed
    max_bytes: int

    def gotLength(self, length: int | None) -> None:  # noqa: N802  (Twisted's name)
        # Only our own word about it counts.
        self.requestHeaders.removeHeader(NOT_STORED_HEADER)
        # Nobody fills the disk through an address that takes little. Twisted keeps the address there until the end.
        path = unquote(getattr(self.channel, "_path", b"").decode("latin1").partition("?")[0])
        self.max_bytes = min(self.max_bytes, body_limit(path))
        # One byte more than allowed, so that the application sees that it was too much.
        self._room = self.max_bytes + 1
        try:
            super().gotLength(None if length is None else min(length, self.max_bytes))
        except OSError as exc:
            self._give_up(exc)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        kept = data[: self._room]
        self._room -= len(kept)
        if not kept:
            return
        try:
            super().handleContentChunk(kept)
        except OSError as exc:
            self._give_up(exc)

    def _give_up(self, error: OSError) -> None:
        """Keep nothing of the body; the application learns of it."""
        logger.error("A request could not be kept: %s", error.strerror)
        self._room = 0
        self.content = BytesIO()
        self.requestHeaders.setRawHeaders(NOT_STORED_HEADER, [b"1"])


def bounded_factory(max_bytes: int) -> type[HTTPFactory]:
    """Return the class that makes connections whose requests are bounded."""

    class Request(BoundedRequest):
        pass

    Request.max_bytes = max_bytes

    class Factory(HTTPFactory):  # type: ignore[misc]  # daphne is not typed
        def buildProtocol(self, addr: Any) -> Any:  # noqa: N802  (Twisted's name)
            protocol = super().buildProtocol(addr)
            # Twisted would read forms itself, in memory and with everybody waiting, for arguments that nobody asks for.
            protocol.requestFactory = partial(Request, parsePOSTFormSubmission=False)
            return protocol

    return Factory
