"""What connections share in one event loop: an HTTP session for every upstream, and what else lives as long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import SimpleNamespace
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import aiohttp

# With no number, aiohttp has a cap of 100: later streams would queue behind the first hundred.
MAX_CONNECTIONS = 10_000
KEEP_ALIVE_S = 30.0

Thing = TypeVar("Thing")


class PerLoop(Generic[Thing]):
    """One thing for each event loop that asks for it, closed with the loop.

    Event loops end the generators that began in them when they shut down, so that a loop of one request, as
    `async_to_sync` makes, leaves no open sockets behind.
    """

    def __init__(self, make: Callable[[], Thing], close: Callable[[Thing], Awaitable[None]]) -> None:
        self._make = make
        self._close = close
        self._kept: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Thing, AsyncGenerator[Thing, None]]]
        self._kept = WeakKeyDictionary()

    async def of_this_loop(self) -> Thing:
        loop = asyncio.get_running_loop()
        if loop not in self._kept:
            keeper = self._keep()
            self._kept[loop] = await anext(keeper), keeper
        return self._kept[loop][0]

    async def close(self) -> None:
        """Close the running event loop's, if it has one."""
        found = self._kept.get(asyncio.get_running_loop())
        if found is not None:
            await found[1].aclose()

    async def _keep(self) -> AsyncGenerator[Thing, None]:
        """Yield the thing and close it when the generator ends."""
        thing = self._make()
        try:
            yield thing
        finally:
            self._kept.pop(asyncio.get_running_loop(), None)
            await self._close(thing)


async def shared_session() -> aiohttp.ClientSession:
    """Return the session of the running event loop. It is closed with the loop, or by `close_session`."""
    return await _sessions.of_this_loop()


async def close_session() -> None:
    """Close the running event loop's session, if it has one."""
    await _sessions.close()


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


_sessions = PerLoop(_make_session, aiohttp.ClientSession.close)
