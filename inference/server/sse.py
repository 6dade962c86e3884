"""Answers as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

import orjson
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

from inference.errors import InferenceError

EVENT_STREAM = "text/event-stream"

Event = TypeVar("Event")
Fed = TypeVar("Fed", contravariant=True)


class StreamWriter(Protocol[Fed]):
    """Turns the events of one request into the bytes of one stream, in the shapes of one protocol."""

    def feed(self, event: Fed, /) -> bytes: ...

    def fail(self, error: InferenceError) -> bytes:
        """Return what ends a stream that has begun and cannot go on."""
        ...


def sse(value: Mapping[str, Any], name: str = "") -> bytes:
    """Return one event; JSON has no line breaks, so its data is one line."""
    return (b"event: " + name.encode() + b"\n" if name else b"") + b"data: " + orjson.dumps(value) + b"\n\n"


async def sse_response(events: AsyncGenerator[Event, None], writer: StreamWriter[Event]) -> HttpResponseBase:
    """Answer with a stream. What goes wrong before the first event still gets its own status."""
    first = await anext(events)
    response = StreamingHttpResponse(_written(first, events, writer), content_type=EVENT_STREAM)
    response["Cache-Control"] = "no-cache"
    return response


async def _written(
    first: Event, events: AsyncGenerator[Event, None], writer: StreamWriter[Event]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        yield writer.feed(first)
        try:
            async for event in events:
                yield writer.feed(event)
        except InferenceError as exc:
            yield writer.fail(exc)
