"""Answers as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

import orjson
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

from inference.errors import InferenceError
from inference.server.answers import AnswerEvent

EVENT_STREAM = "text/event-stream"


class StreamWriter(Protocol):
    """Turns the events of one answer into the bytes of one stream, in the shapes of one protocol."""

    def feed(self, event: AnswerEvent) -> bytes: ...

    def fail(self, error: InferenceError) -> bytes:
        """Return what ends a stream that has begun and cannot go on."""
        ...


def sse(value: Mapping[str, Any], name: str = "") -> bytes:
    """Return one event; JSON has no line breaks, so its data is one line."""
    return (b"event: " + name.encode() + b"\n" if name else b"") + b"data: " + orjson.dumps(value) + b"\n\n"


async def sse_response(events: AsyncGenerator[AnswerEvent, None], writer: StreamWriter) -> HttpResponseBase:
    """Answer with a stream. What goes wrong before the first event still gets its own status."""
    first = await anext(events)
    response = StreamingHttpResponse(_written(first, events, writer), content_type=EVENT_STREAM)
    response["Cache-Control"] = "no-cache"
    return response


async def _written(
    first: AnswerEvent, events: AsyncGenerator[AnswerEvent, None], writer: StreamWriter
) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        yield writer.feed(first)
        try:
            async for event in events:
                yield writer.feed(event)
        except InferenceError as exc:
            yield writer.fail(exc)
