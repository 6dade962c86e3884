"""Newline-delimited JSON, as Ollama streams it. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from inference.dialects.errors import MalformedStream

JsonObject = dict[str, Any]

MAX_LINE_BYTES = 1024 * 1024
"""A line is one delta; the longest honest one is a few kilobytes."""


class NdjsonDecoder:
    """Turns bytes, split anywhere, into the JSON objects that their lines hold.

    Both methods yield what is good before they raise MalformedStream for what is not.
    """

    def __init__(self, *, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[JsonObject]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if len(line) > self._max_line_bytes:
                raise MalformedStream(f"a line of more than {self._max_line_bytes} bytes")
            if line.strip():
                yield parse_object(line)
        if len(self._rest) > self._max_line_bytes:
            raise MalformedStream(f"a line of more than {self._max_line_bytes} bytes")

    def finish(self) -> Iterator[JsonObject]:
        """Yield the object of a last line that came without its newline."""
        line, self._rest = self._rest, b""
        if line.strip():
            yield parse_object(line)


def parse_object(data: bytes) -> JsonObject:
    """Return the JSON object that bytes hold; invalid UTF-8 inside its texts is replaced.

    Some servers split a character between two tokens and write each half as it is.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            value = orjson.loads(data.decode(errors="replace"))
        except orjson.JSONDecodeError as exc:
            raise MalformedStream("not JSON") from exc
    if not isinstance(value, dict):
        raise MalformedStream("JSON, but not an object")
    return value
