"""Requests to machines of other people that a model's name leads to.

What they answer is hostile until checked: nothing is unpacked, every read has a limit, a redirect never goes to plain
http nor into a network that the first host is not in, and nobody but the first host is told who we are.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType

import httpx

from inference.library.addresses import AddressGuard, GuardedTransport, is_loopback, proxies_of_environment
from inference.library.errors import InsecureRegistry, RegistryFailed

MAX_REDIRECTS = 5
CONNECT_TIMEOUT_S = 10.0
STALL_S = 30.0
"""Without a byte for so long a connection counts as broken. Source: Ollama's server/download.go."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Authorize = Callable[[str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Answered:
    """The end of a chain of redirects.

    Attributes:
        first: What the host itself said, before it sent us elsewhere.
        last: The answer with the body.
    """

    first: httpx.Response
    last: httpx.Response

    @property
    def url(self) -> httpx.URL:
        return self.last.request.url


class Outbound:
    """Sends requests that begin at one host. Use as an async context manager.

    Args:
        base: The host's own address.
        allows_http: Follow redirects to plain http too; on this machine they stay on this machine.
        authorization: The header's value, for the host itself only.
        authorize: Returns another such value for a challenge of the host's, each time the last one is not good enough.
    """

    def __init__(
        self,
        base: httpx.URL,
        *,
        allows_http: bool = False,
        authorization: str | None = None,
        authorize: Authorize | None = None,
        stall_s: float = STALL_S,
    ) -> None:
        self.base = base
        self._authorization = authorization
        self._authorize = authorize
        self._authorizing = asyncio.Lock()
        self._is_here = is_loopback(base.host)
        self._allows_http = allows_http
        self._guard = AddressGuard(base.host)
        self._stall_s = stall_s
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Outbound:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()

    @property
    def host(self) -> str:
        return self.base.netloc.decode("ascii")

    @contextlib.asynccontextmanager
    async def open(
        self, url: httpx.URL, headers: Mapping[str, str] | None = None, *, method: str = "GET", follow: bool = True
    ) -> AsyncIterator[Answered]:
        """Open a URL, through redirects unless told otherwise; closes the connection at the end.

        Raises:
            RegistryFailed: No answer, or none that can be followed.
            InsecureRegistry, PrivateAddress: It redirects to where we do not go.
        """
        async with contextlib.AsyncExitStack() as stack:
            first = response = await self._send_authorized(stack, method, url, headers or {})
            for _ in range(MAX_REDIRECTS if follow else 0):
                if response.status_code not in _REDIRECTS:
                    break
                response = await self._send(stack, method, self._next_url(response), headers or {})
            yield Answered(first, response)

    async def read(self, response: httpx.Response, limit: int) -> bytes:
        """Return a body of at most `limit` bytes."""
        body = bytearray()
        async for piece in self.pieces(response):
            body += piece
            if len(body) > limit:
                raise RegistryFailed(self.host, "its answer is too large")
        return bytes(body)

    async def pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for piece in response.aiter_raw():
                yield piece
        except httpx.HTTPError as exc:
            raise RegistryFailed(self.host, _reason(exc)) from exc

    def check(self, response: httpx.Response, *expected: int) -> None:
        """Refuse any other status, and compressed bodies: they could unpack to anything (CVE-2024-12886)."""
        if response.status_code not in expected:
            raise RegistryFailed(self.host, f"it answered with status {response.status_code}", response.status_code)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise RegistryFailed(self.host, "it sent compressed data that was not asked for")

    def is_own(self, url: httpx.URL) -> bool:
        return origin(url) == origin(self.base)

    async def _send_authorized(
        self, stack: contextlib.AsyncExitStack, method: str, url: httpx.URL, headers: Mapping[str, str]
    ) -> httpx.Response:
        """Send a request, and once more when the host wants to know first who we are, or to be told again."""
        used = self._authorization
        response = await self._send(stack, method, url, headers)
        if response.status_code != 401 or self._authorize is None or not self.is_own(url):
            return response
        async with self._authorizing:
            if self._authorization == used:
                self._authorization = await self._authorize(response.headers.get("WWW-Authenticate", ""))
        return await self._send(stack, method, url, headers)

    async def _send(
        self, stack: contextlib.AsyncExitStack, method: str, url: httpx.URL, headers: Mapping[str, str]
    ) -> httpx.Response:
        sent = {"User-Agent": "hearth", "Accept-Encoding": "identity", **headers}
        if self._authorization is not None and self.is_own(url):
            sent["Authorization"] = self._authorization
        self._guard.check_literal(url.host)
        if self._http is None:
            self._http = self._client()
        try:
            return await stack.enter_async_context(self._http.stream(method, url, headers=sent))
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise RegistryFailed(url.host, _reason(exc)) from exc

    def _client(self) -> httpx.AsyncClient:
        trusted = httpx.create_ssl_context()
        # A proxy cannot reach this machine's own registry; the rest of the world may need one.
        proxies = {} if self._is_here else proxies_of_environment(trusted)
        return httpx.AsyncClient(
            transport=GuardedTransport(self._guard, trusted),
            mounts=proxies,
            timeout=httpx.Timeout(self._stall_s, connect=min(CONNECT_TIMEOUT_S, self._stall_s), pool=None),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
        )

    def _next_url(self, response: httpx.Response) -> httpx.URL:
        try:
            target = response.request.url.join(response.headers.get("Location", ""))
        except httpx.InvalidURL as exc:
            raise RegistryFailed(self.host, "it redirects to no valid address") from exc
        if target.scheme == "https":
            return target
        if target.scheme == "http" and self._allows_http and (not self._is_here or is_loopback(target.host)):
            return target
        raise InsecureRegistry(target.host)


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _reason(exc: Exception) -> str:
    if isinstance(exc, httpx.TimeoutException):
        return "it did not answer in time"
    if isinstance(exc, httpx.ConnectError):
        return "its certificate is not trusted" if _is_certificate(exc) else "no connection"
    return "the connection broke"


def _is_certificate(exc: BaseException) -> bool:
    cause: BaseException | None = exc
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None
