"""How long an MP4 file lasts. Source: ISO/IEC 14496-12.

A file that was written at its end says so in its head. One that was written while it was recorded is made of fragments,
each with the moment at which it begins and the lengths of its samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# What is in these is read as if it stood beside them.
_CONTAINERS: Final = frozenset({b"moov", b"trak", b"mdia", b"mvex", b"moof", b"traf"})
_HEAD_BYTES: Final = 8
_LARGE_HEAD_BYTES: Final = 16
_TFHD_OFFSET, _TFHD_DESCRIPTION, _TFHD_LENGTH = 0x1, 0x2, 0x8
_TRUN_OFFSET, _TRUN_FIRST_FLAGS, _TRUN_LENGTHS = 0x1, 0x4, 0x100
_TRUN_FIELDS: Final = 0xF00
"""Flags of a run, one for each field of four bytes that all its samples have."""


@dataclass(slots=True)
class _Track:
    """Times of a track are counted in parts of a second."""

    per_s: int = 0
    sample: int = 0
    fragment_sample: int = 0
    end: int = 0


def mp4_s(data: bytes) -> float | None:
    whole_s = 0.0
    tracks: dict[int, _Track] = {}
    track = _Track()
    for name, box in _boxes(data):
        version = box[0] if box else 0
        match name:
            case b"mvhd":
                per_s, length = _scale_and_length(box, version)
                whole_s = length / per_s if per_s else 0.0
            case b"tkhd":
                track = tracks.setdefault(_number(box, 20 if version else 12), _Track())
            case b"mdhd":
                track.per_s, _ = _scale_and_length(box, version)
            case b"trex":
                tracks.setdefault(_number(box, 4), _Track()).sample = _number(box, 12)
            case b"tfhd":
                track = tracks.setdefault(_number(box, 4), _Track())
                track.fragment_sample = _fragment_sample(box) or track.sample
            case b"tfdt":
                track.end = _number(box, 4, 8 if version else 4)
            case b"trun":
                track.end += _run(box, track.fragment_sample)
    ends = [track.end / track.per_s for track in tracks.values() if track.per_s]
    return max([whole_s, *ends]) or None


def _scale_and_length(box: bytes, version: int) -> tuple[int, int]:
    return (_number(box, 20), _number(box, 24, 8)) if version else (_number(box, 12), _number(box, 16))


def _fragment_sample(box: bytes) -> int:
    """Return how long a sample of a fragment is; 0 where its head does not say."""
    flags = _number(box, 1, 3)
    at = 8 + (8 if flags & _TFHD_OFFSET else 0) + (4 if flags & _TFHD_DESCRIPTION else 0)
    return _number(box, at) if flags & _TFHD_LENGTH else 0


def _run(box: bytes, sample: int) -> int:
    """Return how long the samples of a run are together."""
    flags, n_samples = _number(box, 1, 3), _number(box, 4)
    if not flags & _TRUN_LENGTHS:
        return n_samples * sample
    at = 8 + (4 if flags & _TRUN_OFFSET else 0) + (4 if flags & _TRUN_FIRST_FLAGS else 0)
    step = 4 * (flags & _TRUN_FIELDS).bit_count()
    return sum(_number(box, start) for start in range(at, min(len(box), at + n_samples * step), step))


def _number(box: bytes, at: int, size: int = 4) -> int:
    return int.from_bytes(box[at : at + size], "big")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the boxes of a file up to where it breaks off, without the sound itself."""
    at = 0
    while at + _HEAD_BYTES <= len(data):
        size, name = _number(data, at), data[at + 4 : at + 8]
        head = _HEAD_BYTES
        if size == 1:
            size, head = _number(data, at + _HEAD_BYTES, 8), _LARGE_HEAD_BYTES
        elif size == 0:
            size = len(data) - at
        if size < head:
            return
        if name in _CONTAINERS:
            at += head
            continue
        if name != b"mdat":
            yield name, data[at + head : at + size]
        at += size
