from __future__ import annotations

import pytest

from inference.dialects.errors import MalformedStream
from inference.dialects.sse import SseDecoder, SseEvent

STREAM = (
    "\ufeffdata: ä€😀\n\n: ping\n\nevent: error\nid: 7\nretry: 1\ndata:two\ndata: lines\n\n"
    "event: empty\n\ndata: [DONE]\n\n"
)
EVENTS = [
    SseEvent("message", "ä€😀".encode()),
    SseEvent("error", b"two\nlines"),
    SseEvent("message", b"[DONE]"),
]
ENDINGS = {"LF": "\n", "CRLF": "\r\n", "CR": "\r"}


def decode(*pieces: bytes, limit: int = 1000) -> list[SseEvent]:
    decoder = SseDecoder(max_event_bytes=limit)
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return [*found, *decoder.finish()]


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_stream_may_be_split_anywhere(ending: str) -> None:
    stream = STREAM.replace("\n", ending).encode()

    for position in range(len(stream) + 1):
        assert decode(stream[:position], stream[position:]) == EVENTS, f"split at {position}"


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_stream_may_come_byte_by_byte(ending: str) -> None:
    assert decode(*(bytes([byte]) for byte in STREAM.replace("\n", ending).encode())) == EVENTS


def test_an_event_comes_as_soon_as_its_blank_line() -> None:
    decoder = SseDecoder()

    assert list(decoder.feed(b"data: 1\n")) == []
    assert list(decoder.feed(b"\ndata: 2")) == [SseEvent("message", b"1")]


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_last_event_without_its_blank_line_counts(end: str) -> None:
    assert decode(f"data: [DONE]{end}".encode()) == [SseEvent("message", b"[DONE]")]


def test_only_one_space_after_the_colon_belongs_to_the_syntax() -> None:
    assert decode(b"data:  x \n\n") == [SseEvent("message", b" x ")]


def test_lines_without_a_known_field_are_ignored() -> None:
    assert decode(b"<html>\nfoo: bar\ndata\n\ndatax: 1\n\n") == [SseEvent("message", b"")]


@pytest.mark.parametrize(
    "pieces", [[b"data: " + b"x" * 60 + b"\n\n"], [b"x" * 60], [b"data: xxxxxxxxxxxxxxxxxxxx\n"] * 3, [b"data:\n" * 60]]
)
def test_an_event_has_a_limit(pieces: list[bytes]) -> None:
    with pytest.raises(MalformedStream):
        decode(*pieces, limit=50)


def test_many_events_may_be_longer_than_the_limit_together() -> None:
    assert len(decode(b"data: x\n\n" * 100, limit=50)) == 100
