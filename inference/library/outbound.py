"""Requests to machines of other people that a model's name leads to.

What they answer is hostile until checked: nothing is unpacked, every read has a limit, a redirect never goes to plain
http nor into a network that the first host is not in, and nobody but the first host is told who we are.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import IPv6Address, ip_address
from types import TracebackType
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport

from inference.library.errors import InsecureRegistry, PrivateAddress, RegistryFailed

MAX_REDIRECTS = 5
CONNECT_TIMEOUT_S = 10.0
STALL_S = 30.0
"""Without a byte for so long a connection counts as broken. Source: Ollama's server/download.go."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Authorize = Callable[[str], Awaitable[str]]

Zone = Literal["public", "private", "here", "none"]
"""Which network an address is in: the world's, this house's, this machine; `none` is for addresses no host has."""


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
        self._resolver = _GuardedResolver(base.host)
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
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as exc:
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
        self._resolver.check_literal(url.host)
        if self._http is None:
            self._http = self._client()
        try:
            return await stack.enter_async_context(self._http.stream(method, url, headers=sent))
        except _RefusedAddress as exc:
            raise PrivateAddress(url.host) from exc
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, UnicodeError) as exc:
            if _has_cause(exc, _RefusedAddress):
                raise PrivateAddress(url.host) from exc
            raise RegistryFailed(url.host, _reason(exc)) from exc

    def _client(self) -> httpx.AsyncClient:
        # A proxy cannot reach this machine's own registry; the rest of the world may need one.
        def session() -> aiohttp.ClientSession:
            connector = aiohttp.TCPConnector(limit=0, resolver=self._resolver, ssl=trusted)
            return aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=not self._is_here
            )

        trusted = httpx.create_ssl_context()
        return httpx.AsyncClient(
            transport=AiohttpTransport(client=session, verify=trusted),
            timeout=httpx.Timeout(self._stall_s, connect=min(CONNECT_TIMEOUT_S, self._stall_s)),
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


def is_loopback(host: str) -> bool:
    """Return whether a URL's host is this machine. Names other than `localhost` are not looked up."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def zone_of(address: str) -> Zone:
    """Return the network of an IP address; an IPv4 address written inside an IPv6 one counts as what it is."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    if ip.is_loopback:
        return "here"
    if ip.is_global and not ip.is_multicast:
        return "public"
    return "none" if ip.is_link_local or ip.is_multicast or ip.is_unspecified else "private"


class _RefusedAddress(OSError):
    """The name leads into a network that the first host is not in."""


class _GuardedResolver(AbstractResolver):
    """Looks names up and refuses what a redirect must not reach, at the address that is really connected to.

    The first host may be anywhere: a person named it. A host of the world may send us on to the world only, one of
    this house also to this house. Behind a proxy the proxy looks names up, and it is the proxy that must refuse.
    """

    def __init__(self, first: str) -> None:
        self._first = first.lower()
        self._zone: Zone = "public"
        self._names = aiohttp.ThreadedResolver()
        self._proxies = {urlsplit(url).hostname for url in getproxies().values()}
        with contextlib.suppress(ValueError):
            self._zone = zone_of(self._first)

    def check_literal(self, host: str) -> None:
        """Check a host that is an address already, which is never looked up."""
        if host.lower() == self._first:
            return
        with contextlib.suppress(ValueError):
            if not self._may_reach(zone_of(host)):
                raise PrivateAddress(host)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)
        zones = {zone_of(entry["host"]) for entry in found}
        if host.lower() == self._first:
            self._zone = zones.pop() if len(zones) == 1 else "public"
        elif host not in self._proxies and not all(map(self._may_reach, zones)):
            raise _RefusedAddress(f"{host} is in a private network")
        return found

    async def close(self) -> None:
        await self._names.close()

    def _may_reach(self, zone: Zone) -> bool:
        return zone == "public" or (zone == self._zone and zone != "none")


def _has_cause(exc: BaseException, kind: type[BaseException]) -> bool:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, kind):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _reason(exc: BaseException) -> str:
    if _has_cause(exc, aiohttp.ClientConnectorDNSError):
        return "no machine has that name"
    if _has_cause(exc, aiohttp.ClientSSLError):
        return "its certificate is not trusted"
    if isinstance(exc, httpx.ConnectError) or _has_cause(exc, aiohttp.ClientConnectorError):
        return "no connection"
    if isinstance(exc, httpx.TimeoutException | TimeoutError) and not _has_cause(exc, aiohttp.ServerDisconnectedError):
        return "it did not answer in time" if _has_cause(exc, TimeoutError) else "the connection broke"
    return "the connection broke"
