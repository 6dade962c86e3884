"""A page as the server sees it: one socket on the real ASGI application, with the cookie of a signed-in browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, Self
from uuid import uuid4

from channels.testing import WebsocketCommunicator
from django.test import Client

Event = dict[str, Any]
TIMEOUT_S = 30.0


class Page:
    """One open page. Keeps all it was sent in `events`."""

    def __init__(self, browser: Client | None, origin: str = "http://localhost", language: str = "en") -> None:
        from webui.config.asgi import application

        headers = [(b"host", b"localhost"), (b"origin", origin.encode()), (b"accept-language", language.encode())]
        if browser is not None:
            cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())
            headers.append((b"cookie", cookies.encode()))
        self.socket = WebsocketCommunicator(application, "/ws/", headers=headers)
        self.events: list[Event] = []

    async def __aenter__(self) -> Self:
        connected, _ = await self.socket.connect(timeout=TIMEOUT_S)
        assert connected
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.disconnect(timeout=TIMEOUT_S)

    async def close_code(self) -> int:
        """Wait for the server to close the connection."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                message = await self.socket.receive_output(timeout=TIMEOUT_S)
                if message["type"] == "websocket.close":
                    return int(message["code"])

    # ---- to the server ----

    async def say(self, event: Any) -> None:
        await self.socket.send_to(event if isinstance(event, str) else json.dumps(event))

    async def send(self, content: str, *, model: str = "tiny:latest", **fields: Any) -> str:
        return await self._ask("message.sent", content=content, model=model, **fields)

    async def edit(self, chat: str, message: str, content: str, *, model: str = "tiny:latest", **fields: Any) -> str:
        return await self._ask("message.edited", chat=chat, message=message, content=content, model=model, **fields)

    async def regenerate(self, chat: str, message: str, *, model: str = "tiny:latest", **fields: Any) -> str:
        return await self._ask("answer.requested", chat=chat, message=message, model=model, **fields)

    async def merge(self, chat: str, answers: Sequence[str], *, model: str = "tiny:latest", **fields: Any) -> str:
        return await self._ask("merge.requested", chat=chat, answers=[*answers], model=model, **fields)

    async def _ask(self, kind: str, *, ref: str | None = None, **fields: Any) -> str:
        ref = ref or uuid4().hex
        await self.say({"type": kind, "ref": ref, **fields})
        return ref

    async def open(self, chat: object, seen: dict[str, int] | None = None, **fields: Any) -> None:
        """`fields`: `last`, the message at the end of what the page shows."""
        seen_field = {} if seen is None else {"seen": seen}
        await self.say({"type": "chat.opened", "chat": str(chat), **seen_field, **fields})

    async def stop(self, event: Event) -> None:
        await self.say({"type": "stop.requested", "chat": event["chat"], "generation": event["generation"]})

    # ---- from the server ----

    async def next(self) -> Event:
        event: Event = json.loads(await self.socket.receive_from(timeout=TIMEOUT_S))
        self.events.append(event)
        return event

    async def until(self, kind: str, matches: Callable[[Event], bool] = lambda _event: True) -> Event:
        """Return the next event of a kind; those before it are kept in `events`."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                event = await self.next()
                if event["type"] == kind and matches(event):
                    return event

    async def until_one_of(self, *kinds: str) -> Event:
        async with asyncio.timeout(TIMEOUT_S):
            while (event := await self.next())["type"] not in kinds:
                pass
            return event

    async def hears_nothing_but(self, *kinds: str, within_s: float = 0.15) -> bool:
        while not await self.socket.receive_nothing(timeout=within_s):
            if (await self.next())["type"] not in kinds:
                return False
        return True
