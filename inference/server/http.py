"""The HTTP server: Daphne on one asyncio loop, with a limit on bodies and a shutdown that waits for the runners.

Import it only after `inference.server.process` has put the event loop in place.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server
from twisted.internet import reactor as _reactor
from twisted.logger import STDLibLogObserver, globalLogBeginner

from inference.server.access_log import Application
from inference.server.bodies import LARGE_BODY

logger = logging.getLogger(__name__)

reactor: Any = _reactor
"""Twisted's types describe its interfaces, not the one reactor there is."""

_TOO_LARGE = (
    b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b'Content-Length: 34\r\n\r\n{"error":"request body too large"}'
)


class _LimitedRequest(WebRequest):  # type: ignore[misc]  # Twisted and Daphne have no types
    """Refuses a large body while it arrives: Django would see it only once all of it lay on the disk."""

    _n_received = 0

    def gotLength(self, length: int | None) -> None:  # noqa: N802 (Twisted's name)
        if length is not None and length > LARGE_BODY:
            self._refuse()
        else:
            super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        self._n_received += len(data)
        if self._n_received > LARGE_BODY:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def process(self) -> Any:
        # There is no websocket here: such a request is answered as the plain request that it also is.
        self.requestHeaders.removeHeader(b"Upgrade")
        return super().process()

    def _refuse(self) -> None:
        self.channel.transport.write(_TOO_LARGE)
        self.channel.loseConnection()


class _LimitedFactory(HTTPFactory):  # type: ignore[misc]
    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = _LimitedRequest
        return protocol


class ModelHttpServer(Server):  # type: ignore[misc]
    """Serves an application on a socket that is bound already, until SIGTERM or SIGINT.

    Args:
        start: Called on the running loop before the first request is taken.
        shut_down: Called on the loop once no new request is taken; must end in a few seconds.
    """

    def __init__(
        self,
        application: Application,
        listener: socket.socket,
        *,
        start: Callable[[], None],
        shut_down: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(application, endpoints=["bound already"], signal_handlers=False, server_name="hearth")
        self._listener = listener
        self._start = start
        self._shut_down = shut_down
        self._ending: asyncio.Task[None] | None = None

    def run(self) -> None:
        self.connections: dict[Any, Any] = {}
        observers: list[Any] = [STDLibLogObserver("twisted")]
        globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False, discardBuffer=True)
        loop = reactor._asyncioEventloop
        asyncio.set_event_loop(loop)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._begin_to_end)
        loop.call_soon(self._begin)  # Not callWhenRunning: that comes before the loop runs.
        reactor.run(installSignalHandlers=False)

    def _begin(self) -> None:
        self._start()
        self._port = reactor.adoptStreamPort(self._listener.fileno(), self._listener.family, _LimitedFactory(self))
        self._listener.close()  # The reactor has its own copy.
        reactor.callLater(1, self.application_checker)

    def _begin_to_end(self) -> None:
        if self._ending is None:
            logger.info("stopping")
            self._ending = asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        try:
            self._port.stopListening()
            await self._shut_down()
        finally:
            reactor.stop()
