"""One HTTP client per event loop, for every upstream."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from weakref import WeakKeyDictionary

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from inference.conf import CONNECT_TIMEOUT_S, READ_TIMEOUT_S

# With no number, httpx-aiohttp leaves aiohttp's own cap of 100: later streams would queue behind the first hundred.
MAX_CONNECTIONS = 10_000
KEEP_ALIVE_S = 30.0

_Keeper = AsyncGenerator[httpx.AsyncClient, None]
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[httpx.AsyncClient, _Keeper]] = WeakKeyDictionary()


async def shared_client() -> httpx.AsyncClient:
    """Return the client of the running event loop. It is closed with the loop, or by `close_client`."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        keeper = _keep_client()
        _clients[loop] = await anext(keeper), keeper
    return _clients[loop][0]


async def close_client() -> None:
    """Close the running event loop's client, if it has one."""
    found = _clients.get(asyncio.get_running_loop())
    if found is not None:
        await found[1].aclose()


async def _keep_client() -> _Keeper:
    """Yield a client and close it when the generator ends.

    Event loops end the generators that began in them when they shut down, so that a loop of one request,
    as `async_to_sync` makes, leaves no open sockets behind.
    """
    client = make_client()
    try:
        yield client
    finally:
        _clients.pop(asyncio.get_running_loop(), None)
        await client.aclose()


def make_client() -> httpx.AsyncClient:
    """Return a client that follows no redirect, keeps no cookie and reads no proxy from the environment."""
    return httpx.AsyncClient(
        transport=AiohttpTransport(client=_make_session, verify=_trusted(), trust_env=False),
        timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        # Compressed answers could unpack to any size.
        headers={"Accept-Encoding": "identity", "User-Agent": "Hearth"},
        follow_redirects=False,
        trust_env=False,
    )


@cache
def _trusted() -> ssl.SSLContext:
    """Return whom clients trust. Read once: the list of authorities takes 20 ms, and not every loop lives long."""
    return httpx.create_ssl_context(trust_env=False)


def _make_session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
