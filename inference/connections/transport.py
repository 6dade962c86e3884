"""One HTTP session per event loop, for every upstream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from weakref import WeakKeyDictionary

import aiohttp

# With no number, aiohttp has a cap of 100: later streams would queue behind the first hundred.
MAX_CONNECTIONS = 10_000
KEEP_ALIVE_S = 30.0

_Keeper = AsyncGenerator[aiohttp.ClientSession, None]
_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[aiohttp.ClientSession, _Keeper]] = WeakKeyDictionary()


async def shared_session() -> aiohttp.ClientSession:
    """Return the session of the running event loop. It is closed with the loop, or by `close_session`."""
    loop = asyncio.get_running_loop()
    if loop not in _sessions:
        keeper = _keep_session()
        _sessions[loop] = await anext(keeper), keeper
    return _sessions[loop][0]


async def close_session() -> None:
    """Close the running event loop's session, if it has one."""
    found = _sessions.get(asyncio.get_running_loop())
    if found is not None:
        await found[1].aclose()


async def _keep_session() -> _Keeper:
    """Yield a session and close it when the generator ends.

    Event loops end the generators that began in them when they shut down, so that a loop of one request,
    as `async_to_sync` makes, leaves no open sockets behind.
    """
    session = _make_session()
    try:
        yield session
    finally:
        _sessions.pop(asyncio.get_running_loop(), None)
        await session.close()


def _make_session() -> aiohttp.ClientSession:
    """Return a session that keeps no cookie, follows no redirect and reads no proxy from the environment."""
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        # Compressed answers could unpack to any size.
        headers={"Accept-Encoding": "identity", "User-Agent": "Hearth"},
        auto_decompress=False,
        trust_env=False,
        trace_configs=[tracing],
    )


async def _refuse_redirect(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
) -> None:
    """Of a websocket, where nothing else can say that redirects are not followed."""
    params.response.close()
    raise aiohttp.TooManyRedirects(params.response.request_info, (params.response,))
