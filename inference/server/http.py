"""The HTTP server: Daphne on one asyncio loop, with a limit on bodies and a shutdown that waits for the runners.

Import it only after `inference.server.process` has put the event loop in place.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from http.client import responses
from io import BytesIO
from typing import Any

import orjson
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server
from django.utils.datastructures import CaseInsensitiveMapping
from twisted.internet import reactor as _reactor
from twisted.logger import STDLibLogObserver, globalLogBeginner

from inference.errors import InferenceError, InvalidRequest, QueueFull
from inference.library.blobs import BlobWriter
from inference.library.errors import BadManifest, LibraryError
from inference.server import patience
from inference.server.access_log import Application
from inference.server.blob_bodies import MAX_AT_ONCE, SCOPE_KEY, BlobBody, digest_of_upload
from inference.server.bodies import LARGE_BODY
from inference.server.callers import refusal_of
from inference.server.connections import Connection, Connections, Flow
from inference.server.errors import BodyTooLarge, answer_for, body_for
from inference.server.state import get_state

logger = logging.getLogger(__name__)

reactor: Any = _reactor
"""Twisted's types describe its interfaces, not the one reactor there is."""

LINGER_S = 5.0
"""How long a sender that was refused in the middle of its body has to notice, before the connection is cut."""


class _LimitedRequest(WebRequest):  # type: ignore[misc]  # Twisted and Daphne have no types
    """Refuses a large body while it arrives: Django would see it only once all of it lay on the disk.

    Blobs of models are as large as they are; they go to the disk piece by piece.
    """

    _n_received = 0
    _is_refused = False
    _drops_body = False
    blob: BlobBody | None = None

    def gotLength(self, length: int | None) -> None:  # noqa: N802 (Twisted's name)
        digest = digest_of_upload(self.channel._command, self.channel._path)
        if digest is not None:
            self.content = BytesIO()
            self._begin_blob(digest, length)
        elif length is not None and length > LARGE_BODY:
            self._refuse(BodyTooLarge(LARGE_BODY))
        else:
            super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        if self.blob is not None:
            self.blob.feed(data)
        elif not self._is_refused and not self._drops_body:
            self._n_received += len(data)
            if self._n_received > LARGE_BODY:
                self._refuse(BodyTooLarge(LARGE_BODY))
            else:
                super().handleContentChunk(data)

    def process(self) -> Any:
        if self._is_refused:
            return None
        if self.blob is not None:
            return self.blob.end(self._process)
        return self._process()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self._forget_blob()
        super().connectionLost(reason)

    def finish(self) -> None:
        self._forget_blob()
        super().finish()

    def _process(self) -> Any:
        # There is no websocket here: such a request is answered as the plain request that it also is.
        self.requestHeaders.removeHeader(b"Upgrade")
        return super().process()

    def _begin_blob(self, digest: str, length: int | None) -> None:
        """Decide by the headers alone whether the body is kept, dropped because we have it, or refused at once."""
        state = get_state()
        headers = CaseInsensitiveMapping(
            {
                name.decode("latin-1"): b", ".join(values).decode("latin-1")
                for name, values in self.requestHeaders.getAllRawHeaders()
            }
        )
        if refusal := refusal_of(state, headers):
            self._answer_early(refusal.status, {"error": refusal.text, "code": refusal.code})
            return
        try:
            if state.catalog.store.blob_file(digest).exists():
                self._drops_body = True
                return
            if len(self.server.blobs) >= MAX_AT_ONCE:
                raise QueueFull
            writer = BlobWriter(state.catalog.store, digest, length)
        except BadManifest as exc:
            self._refuse(InvalidRequest(exc.detail))
        except InferenceError as exc:
            self._refuse(exc)
        else:
            self.blob = BlobBody(writer, self.channel.transport, self._fail_blob)
            self.server.blobs.add(self.blob)

    def _fail_blob(self, error: BaseException) -> None:
        if not isinstance(error, InferenceError):
            logger.error("a blob could not be written", exc_info=error)
        self._refuse(error if isinstance(error, InferenceError) else LibraryError())

    def _forget_blob(self) -> None:
        if self.blob is not None:
            self.blob.close()
            self.server.blobs.discard(self.blob)

    def _refuse(self, error: InferenceError) -> None:
        self._answer_early(answer_for(error).status, body_for(error))

    def _answer_early(self, status: int, answer: dict[str, str]) -> None:
        """Answer in the middle of a body, and let the sender read that before the connection ends."""
        self._is_refused = True
        self._forget_blob()
        body = orjson.dumps(answer)
        head = (
            f"HTTP/1.1 {status} {responses.get(status, '')}\r\nContent-Type: application/json\r\n"
            f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        transport = self.channel.transport
        transport.write(head.encode() + body)
        transport.loseWriteConnection()
        reactor.callLater(LINGER_S, transport.abortConnection)


class _LimitedFactory(HTTPFactory):  # type: ignore[misc]
    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.timeOut = patience.IDLE_S
        connections = Connections()
        self.protocol = lambda: Connection(connections)

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
        self.blobs: set[BlobBody] = set()
        """Those that are being received."""

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if isinstance(protocol, _LimitedRequest) and protocol.blob is not None:
            scope[SCOPE_KEY] = protocol.blob.writer
        return super().create_application(protocol, scope)

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

    async def handle_reply(self, protocol: Any, message: Mapping[str, Any]) -> None:
        """Send a part of an answer; while the client does not read, whoever writes the answer waits here."""
        streams = message["type"] == "http.response.body" and message.get("more_body", False)
        flow = protocol.producer
        if streams and flow is None and protocol.channel is not None:
            flow = Flow()
            protocol.registerProducer(flow, True)
        elif not streams and flow is not None and protocol.channel is not None:
            protocol.unregisterProducer()
        await super().handle_reply(protocol, message)
        if streams and flow is not None:
            try:
                await flow.wait()
            except TimeoutError:
                logger.info("a client reads nothing of its answer, which is stopped")
                if protocol.channel is not None:
                    protocol.channel.transport.abortConnection()

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
