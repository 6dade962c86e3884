"""Server-sent events, as OpenAI-compatible servers stream them. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from inference.dialects.errors import MalformedStream

MAX_EVENT_BYTES = 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event. `name` is "message" when the server gives none; ids and retry times are not kept."""

    name: str
    data: bytes


class SseDecoder:
    """Turns bytes, split anywhere, into events. Lines end with LF, CRLF or CR; comments are dropped.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    """

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._rest = b""
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0
        self._is_first_line = True
        # A CR has ended a line; an LF that follows, perhaps in the next piece, belongs to it.
        self._skips_line_feed = False

    def feed(self, data: bytes) -> Iterator[SseEvent]:
        """Yield the events that `data` completes, then raise MalformedStream if one grows too large."""
        if self._skips_line_feed and data:
            data = data.removeprefix(b"\n")
            self._skips_line_feed = False
        self._skips_line_feed = self._skips_line_feed or data.endswith(b"\r")
        *lines, self._rest = (self._rest + data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")).split(b"\n")
        for line in lines:
            yield from self._take_line(line)
        if self._size + len(self._rest) > self._max_event_bytes:
            raise MalformedStream(f"an event of more than {self._max_event_bytes} bytes")

    def finish(self) -> Iterator[SseEvent]:
        """Yield a last event that came without its blank line. The standard drops it; servers forget the line."""
        line, self._rest = self._rest, b""
        if line:
            yield from self._take_line(line)
        yield from self._take_line(b"")

    def _take_line(self, line: bytes) -> Iterator[SseEvent]:
        if self._is_first_line:
            line = line.removeprefix(BYTE_ORDER_MARK)
            self._is_first_line = False
        if not line:
            if self._data:
                yield SseEvent(self._name or "message", b"\n".join(self._data))
            self._name, self._data, self._size = "", [], 0
            return

        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value) + 1
            if self._size > self._max_event_bytes:
                raise MalformedStream(f"an event of more than {self._max_event_bytes} bytes")
        elif name == b"event":
            self._name = value.decode(errors="replace")
