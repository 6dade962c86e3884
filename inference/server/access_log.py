"""One log line per request: what was asked for and how it ended, never a prompt or an answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

_MAX_PATH = 80


def with_access_log(application: Application) -> Application:
    """Wrap an ASGI application."""

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        status, is_whole = 0, False

        async def watched(message: Message) -> None:
            nonlocal status, is_whole
            if message["type"] == "http.response.start":
                status = message["status"]
            elif not message.get("more_body", False):
                is_whole = True
            await send(message)

        try:
            await application(scope, receive, watched)
        finally:
            note = "" if is_whole else " (client left)"
            took = time.perf_counter() - began
            path = scope["path"][:_MAX_PATH].encode("unicode_escape").decode("ascii")
            logger.info("%s %s %d %.3f s%s", scope["method"], path, status, took, note)

    return logged
