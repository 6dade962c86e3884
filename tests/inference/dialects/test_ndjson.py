from __future__ import annotations

import pytest

from inference.dialects.errors import MalformedStream
from inference.dialects.ndjson import JsonObject, NdjsonDecoder

STREAM = '{"a": "ä€😀"}\n\r\n{"b": 2}\r\n  \n{"c": {"d": [1]}}'.encode()
OBJECTS = [{"a": "ä€😀"}, {"b": 2}, {"c": {"d": [1]}}]


def decode(*pieces: bytes, limit: int = 1000) -> list[JsonObject]:
    decoder = NdjsonDecoder(max_line_bytes=limit)
    found = [value for piece in pieces for value in decoder.feed(piece)]
    return [*found, *decoder.finish()]


@pytest.mark.parametrize("position", range(len(STREAM) + 1))
def test_a_stream_may_be_split_anywhere(position: int) -> None:
    assert decode(STREAM[:position], STREAM[position:]) == OBJECTS


def test_a_stream_may_come_byte_by_byte() -> None:
    assert decode(*(bytes([byte]) for byte in STREAM)) == OBJECTS


def test_an_object_comes_as_soon_as_its_line_ends() -> None:
    decoder = NdjsonDecoder()

    assert list(decoder.feed(b'{"a": 1}\n{"b"')) == [{"a": 1}]
    assert list(decoder.feed(b": 2}\n")) == [{"b": 2}]


def test_halves_of_a_character_are_replaced() -> None:
    assert decode(b'{"a": "x\xf0\x9f"}\n') == [{"a": "x\ufffd"}]


@pytest.mark.parametrize("line", [b"<html>", b"[1]", b"null", b'"text"', b'{"a": NaN}', b'{"a"', b"\xff\xfe", b"{}{}"])
def test_what_is_no_object_is_malformed(line: bytes) -> None:
    with pytest.raises(MalformedStream):
        decode(line + b"\n")


def test_a_deep_nesting_is_malformed() -> None:
    with pytest.raises(MalformedStream):
        decode(b'{"a":' * 100_000, limit=1_000_000)


def test_what_is_good_comes_before_what_is_not() -> None:
    decoder = NdjsonDecoder()
    found = []

    with pytest.raises(MalformedStream):
        for value in decoder.feed(b'{"a": 1}\nnonsense\n{"b": 2}\n'):
            found.append(value)

    assert found == [{"a": 1}]


@pytest.mark.parametrize("pieces", [[b'{"a": "' + b"x" * 60 + b'"}\n'], [b"x" * 60], [b"x" * 30, b"x" * 30]])
def test_a_line_has_a_limit(pieces: list[bytes]) -> None:
    with pytest.raises(MalformedStream):
        decode(*pieces, limit=50)


def test_many_lines_may_be_longer_than_the_limit_together() -> None:
    assert len(decode(b'{"a": 1}\n' * 100, limit=50)) == 100
