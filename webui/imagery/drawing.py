"""The one way to every server that makes pictures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from inference.errors import QueueFull
from inference.upstreams import UpstreamHttp, shared_session
from webui.imagery.backends.automatic1111 import Automatic1111
from webui.imagery.backends.comfyui import ComfyUI
from webui.imagery.backends.openai import OpenAI
from webui.imagery.conf import AT_ONCE, MAX_WAITING
from webui.imagery.types import Backend, Drawn, ImagerySpec, Offer, Progress, Wish


async def backend_of(spec: ImagerySpec) -> Backend:
    http = UpstreamHttp(await shared_session(), spec)
    match spec.kind:
        case "openai":
            return OpenAI(spec, http)
        case "automatic1111":
            return Automatic1111(spec, http)
        case "comfyui":
            return ComfyUI(spec, http)


async def offer_of(spec: ImagerySpec) -> Offer:
    """Ask a server what it has: the test of a connection. Raises InferenceError."""
    return await (await backend_of(spec)).offer()


async def draw(spec: ImagerySpec, wish: Wish) -> AsyncGenerator[Progress | Drawn]:
    """Make pictures: what is known of them meanwhile, then the pictures. Closing it stops the server too.

    Raises:
        InferenceError: Also when too many wait for this connection.
    """
    lane = _lane_of(spec)
    async with aclosing(lane.wait()) as waiting:
        async for event in waiting:
            yield event
            if event.state == "drawing":
                # The place is kept until the picture is made.
                break
        backend = await backend_of(spec)
        async with aclosing(backend.draw(wish)) as events:
            async for drawn in events:
                yield drawn


@dataclass(slots=True)
class _Lane:
    """Who waits for one connection in this process, in order."""

    width: int
    tickets: list[object] = field(default_factory=list)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> AsyncGenerator[Progress]:
        """Yield the position when it changes, until it is this one's turn; the place is free once this is closed."""
        if len(self.tickets) >= self.width + MAX_WAITING:
            raise QueueFull
        ticket = object()
        self.tickets.append(ticket)
        try:
            while (n_before := self.tickets.index(ticket) + 1 - self.width) > 0:
                yield Progress(state="queued", position=n_before)
                await self.moved.wait()
            yield Progress(state="drawing")
        finally:
            self.tickets.remove(ticket)
            self.moved.set()
            self.moved = asyncio.Event()


_lanes: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Lane]] = WeakKeyDictionary()


def _lane_of(spec: ImagerySpec) -> _Lane:
    lanes = _lanes.setdefault(asyncio.get_running_loop(), {})
    return lanes.setdefault(spec.uuid, _Lane(AT_ONCE[spec.kind]))
