"""Sounds are told apart by their bytes, and a broken one is never more than nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.sounds import AAC, FLAC, MP3, MP4, OGG, WAV, WEBM, SoundKind, duration_s, quiet_wav, sound_kind
from tests.doubles.sounds import mp4, wav, webm

OPUS = b"OggS\0\2" + bytes(8) + bytes(14) + b"OpusHead" + bytes(80)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (wav([(0.1, 0.5)]), WAV),
        (quiet_wav(), WAV),
        (webm([(0, [0])]), WEBM),
        (OPUS, OGG),
        (b"ID3\4\0" + bytes(20), MP3),
        (b"\xff\xfb\x90\x00" + bytes(20), MP3),
        (b"\xff\xf1\x50\x80" + bytes(20), AAC),
        (b"fLaC" + bytes(20), FLAC),
        (bytes(4) + b"ftypM4A ", MP4),
        (b"RIFF\0\0\0\0AVI LIST", None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"<html>", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_a_sound_is_what_its_bytes_say(data: bytes, kind: SoundKind | None) -> None:
    assert sound_kind(data) is kind


def test_how_long_a_sound_lasts() -> None:
    ten_minutes = b"OggS\0\4" + (600 * 48_000).to_bytes(8, "little") + bytes(20)

    assert duration_s(wav([(2.0, 0.5)]), WAV) == pytest.approx(2.0, abs=0.01)
    assert duration_s(webm([(0, [0, 20]), (61_000, [-5, 500])]), WEBM) == 61.5
    assert duration_s(OPUS + ten_minutes, OGG) == 600
    assert duration_s(mp4(length=90 * 48_000), MP4) == 90
    assert duration_s(mp4(fragments=[(0, [960] * 50), (59 * 48_000, [24_000, 48_000])]), MP4) == 60.5
    assert duration_s(bytes(4) + b"ftypM4A ", MP4) is None
    assert duration_s(mp4(), MP4) is None


@given(st.binary(max_size=200), st.integers(0, 400))
def test_a_broken_recording_ends_where_it_breaks(tail: bytes, at: int) -> None:
    fragments = mp4(fragments=[(0, [960] * 3)])
    wholes = ((webm([(0, [0, 20]), (1000, [5])]), WEBM), (quiet_wav(0.01), WAV), (OPUS, OGG), (fragments, MP4))
    for whole, kind in wholes:
        length = duration_s(whole[:at] + tail, kind)
        assert length is None or length >= 0
