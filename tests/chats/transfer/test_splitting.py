"""A file of chats is cut at the right places, however its bytes come and whatever is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.chats.transfer.shapes import Note
from webui.chats.transfer.splitting import Piece, Splitter

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=5)
TRICKY = [{"a": 'quote " and \\'}, {"b": ["]", "}", "\\\\"]}, {"ü\u2028": {"[": {}}}]


def split(blocks: Sequence[bytes], **limits: int) -> list[Piece]:
    splitter = Splitter(**{"max_bytes": 10_000, "max_tokens": 1_000, **limits})
    return [*(piece for block in blocks for piece in splitter.feed(block)), *splitter.finish()]


def read(pieces: Sequence[Piece]) -> list[object]:
    return [json.loads(piece.raw) for piece in pieces]


def halves(data: bytes) -> Iterator[list[bytes]]:
    for at in range(len(data) + 1):
        yield [data[:at], data[at:]]


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_is_cut_alike_wherever_its_bytes_are_parted(indent: int | None) -> None:
    data = json.dumps(TRICKY, indent=indent).encode()

    for blocks in [*halves(data), [bytes([byte]) for byte in data]]:
        assert read(split(blocks)) == TRICKY


@given(objects=OBJECTS, as_lines=st.booleans(), size=st.integers(1, 50), is_ascii=st.booleans())
def test_whatever_the_chats_hold_they_come_out_as_they_are(
    objects: list[object], as_lines: bool, size: int, is_ascii: bool
) -> None:
    dumped = [json.dumps(value, ensure_ascii=is_ascii) for value in objects]
    data = ("\n".join(dumped) if as_lines else "[" + ", ".join(dumped) + "]").encode("utf-8", "surrogatepass")

    pieces = split([data[at : at + size] for at in range(0, len(data), size)], max_bytes=10**6, max_tokens=10**6)

    assert read(pieces) == objects


def test_reading_goes_on_behind_any_piece() -> None:
    data = b"\xef\xbb\xbf " + json.dumps(TRICKY).encode()
    pieces = split([data])

    for number, piece in enumerate(pieces):
        splitter = Splitter(max_bytes=10_000, max_tokens=1_000, offset=piece.end, is_in_array=True)
        assert [*splitter.feed(data[piece.end :]), *splitter.finish()] == pieces[number + 1 :]


@pytest.mark.parametrize(
    ("limit", "large"),
    [("max_bytes", {"text": "x" * 500}), ("max_tokens", {"list": [[]] * 100}), ("max_tokens", {"names": ["n"] * 100})],
)
def test_what_is_too_large_is_told_and_what_follows_is_read(limit: str, large: object) -> None:
    data = json.dumps([{"a": 1}, large, {"b": 2}]).encode()

    for size in (7, len(data)):
        pieces = split([data[at : at + size] for at in range(0, len(data), size)], **{limit: 60})
        assert [piece.note for piece in pieces] == [None, Note.TOO_LARGE, None]
        assert read([pieces[0], pieces[2]]) == [{"a": 1}, {"b": 2}]


def test_a_file_that_is_cut_off_says_so_and_gives_what_came_before() -> None:
    data = json.dumps(TRICKY).encode()

    for at in range(2, len(data)):
        pieces = split([data[:at]])
        assert pieces[-1].note == Note.CUT_OFF
        assert read(pieces[:-1]) == TRICKY[: len(pieces) - 1]


def test_nothing_is_kept_of_an_object_that_never_ends() -> None:
    splitter = Splitter(max_bytes=1_000, max_tokens=1_000)

    for _ in range(1_000):
        assert list(splitter.feed(b'{"a": "' + b"x" * 100 + b'", ' * 2)) == []
    assert sum(map(len, splitter._kept)) <= 1_000
