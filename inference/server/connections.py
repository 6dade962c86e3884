"""The connections of the HTTP server: not too many of them, and none that makes an answer pile up in memory."""

from __future__ import annotations

import asyncio
import logging
import resource
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.web.http import HTTPChannel, _GenericHTTPChannelProtocol
from zope.interface import implementer  # type: ignore[import-untyped]

from inference.server import patience

logger = logging.getLogger(__name__)


class Connections:
    """All open connections, the oldest first."""

    def __init__(self) -> None:
        self._open: dict[Connection, None] = {}
        self._limit = min(patience.MAX_CONNECTIONS, _allow_files() - patience.SPARE_FILES)

    def add(self, connection: Connection) -> None:
        self._open[connection] = None
        if len(self._open) > self._limit:
            self._make_room()

    def remove(self, connection: Connection) -> None:
        self._open.pop(connection, None)

    def _make_room(self) -> None:
        """End the oldest connection on which nothing is being answered; the newest where there is none."""
        idle = next((connection for connection in self._open if connection.is_idle), None)
        ended = idle if idle is not None else next(reversed(self._open))
        self.remove(ended)
        ended.abort()


def _allow_files() -> int:
    """Return how many files may be open, after asking for as many as are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = patience.MAX_CONNECTIONS + patience.SPARE_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


class Connection(_GenericHTTPChannelProtocol):
    """One connection; it counts from its first moment, before it has sent anything."""

    def __init__(self, connections: Connections) -> None:
        self._http: Any = HTTPChannel()  # type: ignore[no-untyped-call]
        super().__init__(self._http)
        self._connections = connections

    @property
    def is_idle(self) -> bool:
        return not self._http._handlingRequest

    def abort(self) -> None:
        self._http.transport.abortConnection()

    def makeConnection(self, transport: Any) -> None:  # noqa: N802 (Twisted's name)
        super().makeConnection(transport)
        self._connections.add(self)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self._connections.remove(self)
        super().connectionLost(reason)


@implementer(IPushProducer)
class Flow:
    """Holds back who writes an answer while its client does not read."""

    def __init__(self) -> None:
        self._may_write = asyncio.Event()
        self._may_write.set()

    async def wait(self) -> None:
        """Wait until there is room again. Raises TimeoutError when the client reads nothing for too long."""
        if not self._may_write.is_set():
            await asyncio.wait_for(self._may_write.wait(), patience.STALL_S)

    def pauseProducing(self) -> None:  # noqa: N802
        self._may_write.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self._may_write.set()

    def stopProducing(self) -> None:  # noqa: N802
        self._may_write.set()
