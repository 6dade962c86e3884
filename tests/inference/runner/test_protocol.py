from __future__ import annotations

import struct

import pytest

from inference.runner.protocol import BadFrame, FrameDecoder, encode_frame

STREAM = encode_frame({"a": 1}) + encode_frame({"b": "ü"}, b"\0\1\2") + encode_frame({})


def test_frames_are_found_at_every_split() -> None:
    for position in range(len(STREAM) + 1):
        decoder = FrameDecoder()

        frames = decoder.feed(STREAM[:position]) + decoder.feed(STREAM[position:])

        assert [(frame.json, frame.raw) for frame in frames] == [
            (b'{"a":1}', b""),
            ('{"b":"ü"}'.encode(), b"\0\1\2"),
            (b"{}", b""),
        ]


@pytest.mark.parametrize("head", [struct.pack("<II", 2**31, 1), struct.pack("<II", 4, 1), struct.pack("<II", 0, 0)])
def test_impossible_lengths_are_refused(head: bytes) -> None:
    with pytest.raises(BadFrame):
        FrameDecoder().feed(head)


def test_lone_surrogates_do_not_break_a_frame() -> None:
    (frame,) = FrameDecoder().feed(encode_frame({"text": ["a\ud800b"]}))

    assert frame.json == b'{"text":["a?b"]}'
