"""What some bytes of sound are, told by the bytes themselves, and how long they last. Nothing is decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from inference.sounds.mp4 import mp4_s
from inference.sounds.webm import webm_s

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
        return webm_s(data)
    if kind is OGG:
        return _ogg_s(data)
    if kind is MP4:
        return mp4_s(data)
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


def quiet_wav(seconds: float = 1.0, rate: int = 16_000) -> bytes:
    """Return silence as a file, to try a server with: one channel, 16 bits."""
    data = bytes(2 * int(seconds * rate))
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    return b"RIFF" + struct.pack("<I", len(head) + 8 + len(data)) + head + b"data" + struct.pack("<I", len(data)) + data
