"""Run one generation whose answer is pictures, from its words to their files."""

from __future__ import annotations

import asyncio
import io
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from webui.chats.answering.live import LiveAnswer
from webui.chats.answering.waiting import say_drawing
from webui.chats.services.images import Redrawn, redraw
from webui.chats.wishes import Drawing
from webui.imagery.drawing import draw
from webui.imagery.errors import NoPicture
from webui.imagery.types import Drawn
from webui.presets.errors import PictureRefused


async def draw_answer(answer: LiveAnswer, drawing: Drawing) -> None:
    """Fill the answer with pictures. Raises what went wrong; a cancel stops the server."""
    loop = asyncio.get_running_loop()
    asked_at = loop.time()
    begun_at: float | None = None
    drawn: Drawn | None = None
    wish = replace(drawing.wish, prompt=answer.task.question)
    async with aclosing(draw(drawing.spec, wish)) as events:
        async for event in events:
            if isinstance(event, Drawn):
                drawn = event
                continue
            if event.state != "queued" and begun_at is None:
                begun_at = loop.time()
            say_drawing(answer, event, loop.time() - (begun_at or asked_at))
    if drawn is None:
        raise NoPicture
    drawn_s = loop.time() - (begun_at or asked_at)
    # A picture is unpacked and packed again: too long for the event loop.
    answer.pictures = [await asyncio.to_thread(_redrawn, content) for content in drawn.pictures]
    answer.ledger |= {"picture": {"prompt": wish.prompt, **_told(drawing, drawn, drawn_s)}}


def _redrawn(content: bytes) -> Redrawn:
    try:
        return redraw(io.BytesIO(content))
    except PictureRefused as exc:
        raise NoPicture from exc


def _told(drawing: Drawing, drawn: Drawn, drawn_s: float) -> dict[str, Any]:
    """Return what is kept of how it came about, for "About this answer"."""
    told: dict[str, Any] = {"connection": drawing.spec.name, "model": drawing.spec.model, "drawn_s": round(drawn_s, 3)}
    return told | {"seeds": [*drawn.seeds], "revised_prompt": drawn.prompt, **drawn.facts}
