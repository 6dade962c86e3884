"""Requests to one upstream: its key and its limits go out, our own errors come back."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

import aiohttp
import orjson

from inference.conf import CONNECT_TIMEOUT_S, READ_TIMEOUT_S
from inference.dialects.errors import MalformedStream
from inference.dialects.ndjson import JsonObject, parse_object
from inference.dialects.values import error_detail
from inference.errors import (
    BadCredentials,
    ConnectionFailed,
    ConnectionLost,
    ConnectionRefused,
    HostNotFound,
    KeyUnreadable,
    UpstreamRefused,
    UpstreamTimeout,
    WrongService,
)

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Of one answer that is read whole; 64 embeddings of 4096 dimensions are 6 MB."""
MAX_STREAM_BYTES = 256 * 1024 * 1024
"""Of one stream; Ollama spends about 130 bytes on a token."""
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Of one message of a websocket."""
CLOSE_TIMEOUT_S = 1.0
"""How long the end of a websocket waits for the other side's word."""
MAX_ERROR_BYTES = 64 * 1024
RELAYED_KINDS = ("application/json", "application/x-ndjson", "text/event-stream", "text/plain")
"""What may be handed on as it is: nothing that a browser would show as a page."""
PIECE_BYTES = 256 * 1024


class Upstream(Protocol):
    """Where to, and with which key: a `ConnectionSpec`, or that of a connection of another kind."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def is_key_readable(self) -> bool: ...
    @property
    def authorization(self) -> str: ...


class UpstreamHttp:
    """Talks HTTP to one connection."""

    def __init__(self, session: aiohttp.ClientSession, spec: Upstream) -> None:
        self.spec = spec
        self._session = session

    async def get(self, path: str, *, timeout_s: float) -> JsonObject:
        return await self._exchange("GET", path, None, timeout_s)

    async def listing(self, path: str, *, timeout_s: float) -> JsonObject:
        """Return a list of models. An address without that path is another kind of service."""
        try:
            return await self.get(path, timeout_s=timeout_s)
        except UpstreamRefused as exc:
            if exc.status == 404:
                raise WrongService(self.spec.url, f"no list of models at {path}") from exc
            raise

    async def post(self, path: str, body: Mapping[str, object], *, timeout_s: float) -> JsonObject:
        return await self._exchange("POST", path, body, timeout_s)

    async def rows(self, path: str, *, timeout_s: float) -> list[object]:
        """Return an answer that is a list."""
        data = await self.file(path, timeout_s=timeout_s, limit=MAX_BODY_BYTES)
        try:
            found = orjson.loads(data)
        except ValueError as exc:
            raise WrongService(self.spec.url, "not JSON") from exc
        if not isinstance(found, list):
            raise WrongService(self.spec.url, "no list where one was expected")
        return found

    async def file(self, path: str, *, timeout_s: float, limit: int) -> bytes:
        """Return an answer as it is, of at most so many bytes."""
        with self._errors():
            async with asyncio.timeout(timeout_s), self._answer("GET", path, None, timeout_s) as response:
                return await self._read(response, limit)

    async def tell(self, path: str, body: Mapping[str, object], *, timeout_s: float) -> None:
        """Send something whose answer says nothing."""
        async with self._answer("POST", path, body, timeout_s):
            pass

    async def fetch(self, path: str, body: Mapping[str, object], *, timeout_s: float, limit: int) -> bytes:
        """Ask for something that is no JSON; return it whole."""
        with self._errors():
            async with asyncio.timeout(timeout_s), self._answer("POST", path, body, timeout_s) as response:
                return await self._read(response, limit)

    async def post_form(self, path: str, form: aiohttp.FormData, *, timeout_s: float) -> JsonObject:
        """Send a form with a file in it."""
        payload = form()
        return await self._exchange("POST", path, payload, timeout_s, {"Content-Type": payload.headers["Content-Type"]})

    async def delete(self, path: str, body: Mapping[str, object], *, timeout_s: float) -> None:
        async with self._answer("DELETE", path, body, timeout_s):
            pass

    async def put(self, path: str, data: bytes, *, headers: Mapping[str, str], timeout_s: float) -> None:
        """Send bytes as they are, piece by piece: the event loop is not held while many of them leave."""
        headers = {**headers, "Content-Length": str(len(data))}
        with self._errors():
            async with asyncio.timeout(timeout_s), self._answer("PUT", path, _in_pieces(data), timeout_s, headers):
                pass

    async def has(self, path: str, *, timeout_s: float) -> bool:
        """Return whether something is there, without fetching it."""
        try:
            async with self._answer("HEAD", path, None, timeout_s):
                return True
        except UpstreamRefused as exc:
            if exc.status == 404:
                return False
            raise

    async def send(self, path: str, pieces: AsyncIterator[bytes], size_bytes: int) -> None:
        """Send a large file as it is read. Only silence has a time-out: nobody knows how long it takes."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size_bytes)}
        async with self._answer("POST", path, pieces, READ_TIMEOUT_S, headers):
            pass

    @asynccontextmanager
    async def stream(
        self, path: str, body: Mapping[str, object], *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a stream; iterating it yields what has arrived since the last read, in one piece.

        Leaving the block closes the connection, which is how the upstream learns that nobody listens any more.
        """
        async with self._answer("POST", path, body, READ_TIMEOUT_S, headers) as response:
            yield self._pieces(response)

    @asynccontextmanager
    async def relay(
        self, method: str, path: str, body: Mapping[str, object]
    ) -> AsyncIterator[tuple[str, AsyncIterator[bytes], Callable[[], None]]]:
        """As `stream`, for somebody else: also what kind of answer it is, and what breaks the line from outside.

        Raises WrongService for an unknown kind.
        """
        async with self._answer(method, path, body, READ_TIMEOUT_S) as response:
            # Some of Ollama's answers that say nothing name no kind.
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower() or "text/plain"
            if kind not in RELAYED_KINDS:
                raise WrongService(self.spec.url, f"answers with {kind[:100]}")
            yield kind, self._pieces(response), response.close

    async def _pieces(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        n_bytes = 0
        with self._errors(has_begun=True):
            async for piece in response.content.iter_any():
                n_bytes += len(piece)
                if n_bytes > MAX_STREAM_BYTES:
                    raise WrongService(self.spec.url, f"a stream of more than {MAX_STREAM_BYTES} bytes")
                yield piece

    @asynccontextmanager
    async def listen(self, path: str, *, timeout_s: float) -> AsyncIterator[AsyncIterator[JsonObject]]:
        """Open a websocket; iterating it yields the JSON that arrives until the server closes it, and nothing else."""
        with self._errors():
            async with asyncio.timeout(timeout_s):
                socket = await self._session.ws_connect(
                    self.spec.url + path,
                    headers=self._headers(),
                    max_msg_size=MAX_MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                )
        async with socket:
            yield self._messages(socket)

    async def _messages(self, socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[JsonObject]:
        with self._errors(has_begun=True):
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    with self.understanding():
                        yield parse_object(message.data.encode())

    async def _exchange(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | aiohttp.Payload | None,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
    ) -> JsonObject:
        # The time-out of the socket alone would let an upstream drip its answer for ever.
        with self._errors():
            async with asyncio.timeout(timeout_s), self._answer(method, path, body, timeout_s, headers) as response:
                data = await self._read(response, MAX_BODY_BYTES)
        with self.understanding():
            return parse_object(data)

    @contextmanager
    def understanding(self) -> Iterator[None]:
        """Turn an answer that breaks its own protocol into WrongService."""
        try:
            yield
        except MalformedStream as exc:
            raise WrongService(self.spec.url, str(exc)) from exc

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | AsyncIterator[bytes] | aiohttp.Payload | None,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        with self._errors():
            response = await self._session.request(
                method,
                self.spec.url + path,
                data=orjson.dumps(body) if isinstance(body, Mapping) else body,
                headers={**self._headers(), **(headers or {})},
                timeout=aiohttp.ClientTimeout(sock_connect=min(timeout_s, CONNECT_TIMEOUT_S), sock_read=timeout_s),
                allow_redirects=False,
            )
        try:
            await self._refuse_errors(response)
            yield response
        finally:
            # What was not read to its end closes the connection.
            with self._errors(has_begun=True):
                await response.__aexit__(None, None, None)

    def _headers(self) -> dict[str, str]:
        if not self.spec.is_key_readable:
            raise KeyUnreadable(self.spec.name)
        headers = {"Content-Type": "application/json"}
        if self.spec.authorization:
            headers["Authorization"] = self.spec.authorization
        return headers

    async def _refuse_errors(self, response: aiohttp.ClientResponse) -> None:
        if 300 <= response.status < 400:
            # Following it would hand the key to whoever the upstream names.
            location = response.headers.get("Location", "")[:200]
            raise WrongService(self.spec.url, f"redirects to {location}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise WrongService(self.spec.url, "compresses its answers unasked")
        if response.ok and response.headers.get("Content-Type", "").startswith("text/html"):
            raise WrongService(self.spec.url, "answers with a web page")
        if response.ok:
            return
        detail = error_detail(await self._read(response, MAX_ERROR_BYTES))
        if response.status in (401, 403):
            raise BadCredentials(response.status, detail)
        raise UpstreamRefused(response.status, detail)

    async def _read(self, response: aiohttp.ClientResponse, limit: int) -> bytes:
        body = bytearray()
        with self._errors(has_begun=True):
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > limit:
                    raise WrongService(self.spec.url, f"an answer of more than {limit} bytes")
        return bytes(body)

    @contextmanager
    def _errors(self, *, has_begun: bool = False) -> Iterator[None]:
        """Turn what aiohttp and sockets raise into our errors."""
        try:
            yield
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as exc:
            raise connection_error(self.spec.url, exc, has_begun=has_begun) from exc


async def _in_pieces(data: bytes) -> AsyncIterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), PIECE_BYTES):
        yield bytes(view[start : start + PIECE_BYTES])


def connection_error(url: str, exc: BaseException, *, has_begun: bool) -> ConnectionFailed:
    """Tell apart why an upstream could not be talked to."""
    if isinstance(exc, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError | UnicodeError):
        return WrongService(url, "not a usable address")
    if isinstance(exc, TimeoutError):
        return UpstreamTimeout(url)
    if isinstance(exc, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return HostNotFound(url)
    if isinstance(exc, aiohttp.ClientSSLError):
        return WrongService(url, "its certificate is not trusted")
    if isinstance(exc, aiohttp.ClientConnectorError):
        return _socket_error(url, exc.os_error)
    if isinstance(exc, aiohttp.ClientResponseError):
        return WrongService(url, "does not speak HTTP")
    if has_begun or isinstance(exc, aiohttp.ServerDisconnectedError | ConnectionError):
        return ConnectionLost(url)
    return _socket_error(url, exc) if isinstance(exc, OSError) else ConnectionFailed(url, type(exc).__name__)


def _socket_error(url: str, error: OSError) -> ConnectionFailed:
    if error.errno == errno.ECONNREFUSED:
        return ConnectionRefused(url)
    if error.errno in (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH):
        return UpstreamTimeout(url)
    return ConnectionFailed(url, error.strerror or "")
