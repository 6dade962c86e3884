"""What the backends share: waiting for an answer without silence, and taking pictures out of it."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

from inference.errors import InferenceError
from inference.upstreams import UpstreamHttp, values
from webui.imagery.conf import DRAW_TIMEOUT_S, MAX_PICTURE_BYTES, POLL_S, STOP_TIMEOUT_S
from webui.imagery.errors import NoPicture
from webui.imagery.types import Progress

JsonObject = dict[str, object]


class Answer:
    """The answer to one long request. Iterating `progress` waits for it; `body` has it afterwards."""

    def __init__(self, http: UpstreamHttp, path: str, body: JsonObject) -> None:
        self._http = http
        self._path = path
        self._body = body
        self.body: JsonObject = {}

    async def progress(
        self, look: Callable[[], Awaitable[Progress]], stop: Callable[[], Awaitable[None]] | None = None
    ) -> AsyncGenerator[Progress]:
        """Yield what `look` finds about once a second. Who closes it drops the request and has the server `stop`."""
        request = asyncio.create_task(self._http.post(self._path, self._body, timeout_s=DRAW_TIMEOUT_S))
        try:
            while not (await asyncio.wait({request}, timeout=POLL_S))[0]:
                yield await look()
            self.body = request.result()
        finally:
            if not request.done():
                request.cancel()
                await asyncio.wait({request})
                if stop is not None:
                    await stopping(stop())


async def stopping(told: Awaitable[None]) -> None:
    """Let a server hear that nobody waits any more; if it does not listen, it draws for nobody."""
    with suppress(InferenceError, TimeoutError):
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await told


async def unpacked(value: object) -> bytes:
    """Return a picture from base64, with or without the head of a data address. Raises NoPicture."""
    # Some ten megabytes are too long for the event loop.
    return await asyncio.to_thread(_unpack, value)


def _unpack(value: object) -> bytes:
    text = values.text(value)
    text = text.partition(",")[2] if text.startswith("data:") else text
    # Four characters are three bytes.
    if not text or len(text) > MAX_PICTURE_BYTES * 4 // 3 + 4:
        raise NoPicture
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise NoPicture from exc
