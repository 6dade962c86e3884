"""What some bytes of sound are, told by the bytes themselves, and how long they last. Nothing is decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_MILLISECOND_NS: Final = 1_000_000
_OPUS_RATE: Final = 48_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundKind:
    """A kind of file. `ending` is what servers expect its name to end in."""

    ending: str
    media_type: str


WAV = SoundKind(ending="wav", media_type="audio/wav")
MP3 = SoundKind(ending="mp3", media_type="audio/mpeg")
OGG = SoundKind(ending="ogg", media_type="audio/ogg")
WEBM = SoundKind(ending="webm", media_type="audio/webm")
MP4 = SoundKind(ending="m4a", media_type="audio/mp4")
FLAC = SoundKind(ending="flac", media_type="audio/flac")
AAC = SoundKind(ending="aac", media_type="audio/aac")


def sound_kind(data: bytes) -> SoundKind | None:
    """Return what a file is by its first bytes; None when it is no sound that browsers record or play."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return WAV
    if data[4:8] == b"ftyp":
        return MP4
    for beginning, kind in ((b"OggS", OGG), (b"\x1a\x45\xdf\xa3", WEBM), (b"fLaC", FLAC), (b"ID3", MP3)):
        if data.startswith(beginning):
            return kind
    # A frame of MPEG sound: eleven bits of synchronisation, then the layer. Source: ISO/IEC 11172-3, 2.4.1.3.
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        return AAC if data[1] & 0x06 == 0 else MP3
    return None


def duration_s(data: bytes, kind: SoundKind) -> float | None:
    """Return how many seconds a file lasts; None for kinds that say so only to those who decode them."""
    if kind is WAV:
        return _wav_s(data)
    if kind is WEBM:
        return _webm_s(data)
    if kind is OGG:
        return _ogg_s(data)
    return None


def _wav_s(data: bytes) -> float | None:
    at = data.find(b"fmt ", 12)
    bytes_per_s = int.from_bytes(data[at + 16 : at + 20], "little") if at > 0 else 0
    return len(data) / bytes_per_s if bytes_per_s else None


def _ogg_s(data: bytes) -> float | None:
    """Source: RFC 7845, 4: positions are counted in samples of 48 kHz, whatever was recorded."""
    last = data.rfind(b"OggS")
    if b"OpusHead" not in data[:128] or len(data) < last + 14:
        return None
    position = int.from_bytes(data[last + 6 : last + 14], "little", signed=True)
    return max(0, position) / _OPUS_RATE


# Source: RFC 8794 (EBML) and RFC 9559 (Matroska). What is in these is read as if it stood beside them, so that it does
# not matter that a recording in progress does not say how large they are.
_CONTAINERS: Final = frozenset({0x18538067, 0x1549A966, 0x1F43B675, 0xA0})
_TIMESTAMP_SCALE: Final = 0x2AD7B1
_CLUSTER_TIMESTAMP: Final = 0xE7
_BLOCKS: Final = frozenset({0xA1, 0xA3})


def _webm_s(data: bytes) -> float | None:
    scale, cluster, end = _MILLISECOND_NS, 0, None
    for name, content in _elements(data):
        if name == _TIMESTAMP_SCALE:
            scale = int.from_bytes(content, "big")
        elif name == _CLUSTER_TIMESTAMP:
            cluster = int.from_bytes(content, "big")
        elif name in _BLOCKS and len(content) >= 3:
            # The number of the track, one byte for the first 127, then the time within the cluster.
            end = max(end or 0, cluster + int.from_bytes(content[1:3], "big", signed=True))
    return None if end is None else end * scale / 1e9


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the elements of a file up to where it breaks off, each with its first bytes."""
    at = 0
    while at < len(data):
        n_name = _n_bytes(data[at], most=4)
        if n_name == 0 or at + n_name >= len(data):
            return
        name = int.from_bytes(data[at : at + n_name], "big")
        at += n_name
        n_size = _n_bytes(data[at], most=8)
        if n_size == 0 or at + n_size > len(data):
            return
        size = int.from_bytes(data[at : at + n_size], "big") & ((1 << 7 * n_size) - 1)
        at += n_size
        if name in _CONTAINERS:
            continue
        yield name, data[at : at + min(size, 16)]
        at += size


def _n_bytes(first: int, *, most: int) -> int:
    """Return how long a number is that begins with this byte; 0 when it can be none."""
    n = 9 - first.bit_length()
    return n if n <= most else 0


def quiet_wav(seconds: float = 1.0, rate: int = 16_000) -> bytes:
    """Return silence as a file, to try a server with: one channel, 16 bits."""
    data = bytes(2 * int(seconds * rate))
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    return b"RIFF" + struct.pack("<I", len(head) + 8 + len(data)) + head + b"data" + struct.pack("<I", len(data)) + data
