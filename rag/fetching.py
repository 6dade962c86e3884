"""Fetches a page of the web for one person, from machines of the world only.

A name is looked up here, and the connection goes to the very address that was checked: a name server that answers
twice, differently, gains nothing. Every redirect is a new address that is checked anew. No cookie is sent or kept, no
credential, no referrer; nothing that the page links to is fetched.
"""

from __future__ import annotations

import asyncio
import codecs
import re
import socket
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from html import unescape
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from inference.library.addresses import GuardedTransport, proxies_of_environment, zone_of
from rag.errors import PageNotFetched
from rag.types import FetchProblem

MAX_ADDRESS_LENGTH = 2000
MAX_REDIRECTS = 5
TOTAL_S = 30.0
CONNECT_S = 10.0
STALL_S = 15.0

_HEADERS = {
    "User-Agent": "Mozilla/5.0 (compatible; Hearth; a page for one person)",
    "Accept": "text/html, application/xhtml+xml, application/pdf, text/plain, */*;q=0.5",
    "Accept-Encoding": "identity",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOGIN_STATUSES = frozenset({401, 403, 407})
_GONE_STATUSES = frozenset({404, 410})
# Below 1024 a port belongs to one service each, and only these two speak HTTP.
_WEB_PORTS = (80, 443)
_FIRST_FREE_PORT = 1024
_LAST_PORT = 65535
# What parsers of addresses disagree about.
_SUSPICIOUS = re.compile(r"[\s\\\x00-\x1f\x7f]")
# Names of machines nearby, by their nature. Source: RFC 6761, RFC 6762, RFC 8375, ICANN (internal).
_NEARBY = (".local", ".localhost", ".internal", ".home.arpa", ".lan", ".test", ".invalid")

_TITLE = re.compile(r"<title[^>]*>([^<]*)</title", re.I)
_TITLE_WITHIN_CHARACTERS = 200_000
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.I)
_HTML_TYPES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedPage:
    """What an address led to.

    Attributes:
        url: Where the redirects ended.
        is_html: It calls itself a page; else its content tells what it is.
        content: In UTF-8 if it is a page that said in which other encoding it is.
        title: Empty for what has none.
    """

    url: str
    content: bytes
    is_html: bool
    title: str


async def fetch(address: str, *, max_bytes: int, nearby: Collection[str] = ()) -> FetchedPage:
    """Return what an address leads to.

    Args:
        nearby: Hosts in private networks that may be reached all the same.

    Raises:
        PageNotFetched
    """
    url = checked_url(address, nearby)
    try:
        async with asyncio.timeout(TOTAL_S), _client(nearby) as http:
            return await _follow(http, url, max_bytes, nearby)
    except (TimeoutError, httpx.TimeoutException) as exc:
        raise PageNotFetched(FetchProblem.TIMEOUT) from exc
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
        raise PageNotFetched(FetchProblem.UNREACHABLE) from exc


def checked_url(address: str, nearby: Collection[str] = ()) -> httpx.URL:
    """Return an address in its usual form, without its fragment. Raises PageNotFetched.

    What is checked here is the very value that is connected to.
    """
    if len(address) > MAX_ADDRESS_LENGTH or _SUSPICIOUS.search(address):
        raise PageNotFetched(FetchProblem.ADDRESS)
    try:
        url = httpx.URL(address).copy_with(fragment=None)
        port = url.port
    except (httpx.InvalidURL, ValueError, TypeError) as exc:
        raise PageNotFetched(FetchProblem.ADDRESS) from exc
    is_web_port = port is None or port in _WEB_PORTS or _FIRST_FREE_PORT <= port <= _LAST_PORT
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or not is_web_port:
        raise PageNotFetched(FetchProblem.ADDRESS)
    if url.host not in nearby and _is_nearby(url.host):
        raise PageNotFetched(FetchProblem.PRIVATE)
    return url


def _is_nearby(host: str) -> bool:
    name = host.rstrip(".").lower()
    try:
        return zone_of(name) != "public"
    except ValueError:
        return "." not in name or name.endswith(_NEARBY)


class PublicNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses of the world, and to those of the hosts in `nearby`."""

    def __init__(self, nearby: Collection[str]) -> None:
        self._nearby = nearby
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await self.addresses(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = failure or exc
        raise failure or PageNotFetched(FetchProblem.UNREACHABLE)

    async def addresses(self, host: str, port: int) -> list[str]:
        """Look a host up; refuse it when one of its addresses is not the world's. Raises PageNotFetched."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            raise PageNotFetched(FetchProblem.UNREACHABLE) from exc
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if host not in self._nearby and any(zone_of(address) != "public" for address in addresses):
            raise PageNotFetched(FetchProblem.PRIVATE)
        return addresses


def _client(nearby: Collection[str]) -> httpx.AsyncClient:
    trusted = httpx.create_ssl_context()
    mounts = proxies_of_environment(trusted)
    # A proxy looks names up itself: what is behind it is for who set it to decide.
    mounts |= {f"all://{host}": None for host in nearby}
    return httpx.AsyncClient(
        transport=GuardedTransport(PublicNetwork(nearby), trusted),
        mounts=mounts,
        timeout=httpx.Timeout(STALL_S, connect=CONNECT_S),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


async def _follow(http: httpx.AsyncClient, url: httpx.URL, max_bytes: int, nearby: Collection[str]) -> FetchedPage:
    for _ in range(MAX_REDIRECTS + 1):
        async with http.stream("GET", url, headers=_HEADERS) as response:
            if response.status_code in _REDIRECTS and "Location" in response.headers:
                url = checked_url(str(url.join(response.headers["Location"])), nearby)
                continue
            _check_status(response.status_code)
            return _page(response, await _read(response, max_bytes))
    raise PageNotFetched(FetchProblem.REDIRECTS)


def _check_status(status: int) -> None:
    if status in _LOGIN_STATUSES:
        raise PageNotFetched(FetchProblem.LOGIN, status)
    if status in _GONE_STATUSES:
        raise PageNotFetched(FetchProblem.GONE, status)
    if status != 200:  # noqa: PLR2004
        raise PageNotFetched(FetchProblem.STATUS, status)


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise PageNotFetched(FetchProblem.TOO_LARGE)
    content = bytearray()
    # Some servers pack although they were not asked to: what counts is what comes out.
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > max_bytes:
            raise PageNotFetched(FetchProblem.TOO_LARGE)
    return bytes(content)


def _page(response: httpx.Response, content: bytes) -> FetchedPage:
    content_type = response.headers.get("Content-Type", "")
    is_html = content_type.partition(";")[0].strip().lower() in _HTML_TYPES
    if content_type.lower().startswith("text/") and (named := _CHARSET.search(content_type)):
        content = _in_utf8(content, named[1])
    return FetchedPage(
        url=str(response.request.url), content=content, is_html=is_html, title=_title(content) if is_html else ""
    )


def _in_utf8(content: bytes, encoding: str) -> bytes:
    name = "gb18030" if encoding.lower() in ("gb2312", "gbk") else encoding
    try:
        if codecs.lookup(name).name == "utf-8":
            return content
        return content.decode(name, errors="replace").encode()
    except (LookupError, ValueError, TypeError, AssertionError):
        # No encoding, or one of those that are none of text.
        return content


def _title(content: bytes) -> str:
    found = _TITLE.search(content[:_TITLE_WITHIN_CHARACTERS].decode(errors="ignore"))
    return " ".join(unescape(found[1]).split()) if found else ""
