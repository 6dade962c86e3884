"""Small sound files made by code: tones that stand for speech, and silence."""

from __future__ import annotations

import io
import math
import random
import struct
import wave
from collections.abc import Sequence

RATE = 16_000


def wav(parts: Sequence[tuple[float, float]], rate: int = RATE) -> bytes:
    """Return a WAV of (seconds, loudness from 0 to 1) parts: a tone that swells as syllables do, over a faint noise."""
    noise = random.Random(7)  # noqa: S311  (a sound, no secret)
    samples = bytearray()
    for seconds, loudness in parts:
        for n in range(int(seconds * rate)):
            syllable = 0.6 + 0.4 * math.sin(2 * math.pi * 4 * n / rate)
            value = loudness * syllable * math.sin(2 * math.pi * 220 * n / rate) + 0.0008 * noise.uniform(-1, 1)
            samples += int(32_767 * value).to_bytes(2, "little", signed=True)
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(bytes(samples))
    return file.getvalue()


def webm(clusters: Sequence[tuple[int, Sequence[int]]]) -> bytes:
    """Return a recording in progress, as browsers make it: its parts do not say how large they are.

    Args:
        clusters: (time in ms, times of its blocks within it).
    """
    unknown = b"\x01" + b"\xff" * 7
    file = b"\x1a\x45\xdf\xa3" + _size(4) + b"\x42\x82\x81w"
    file += b"\x18\x53\x80\x67" + unknown
    file += b"\x15\x49\xa9\x66" + _size(7) + b"\x2a\xd7\xb1" + _size(3) + (1_000_000).to_bytes(3, "big")
    for time, blocks in clusters:
        file += b"\x1f\x43\xb6\x75" + unknown + b"\xe7" + _size(4) + time.to_bytes(4, "big")
        for relative in blocks:
            file += b"\xa3" + _size(10) + b"\x81" + relative.to_bytes(2, "big", signed=True) + b"\x80opus.."
    return file


def mp4(length: int = 0, fragments: Sequence[tuple[int, Sequence[int]]] = (), per_s: int = 48_000) -> bytes:
    """Return a recording of one track: of this length, or in fragments as browsers write them while they record.

    Args:
        fragments: (when it begins, the lengths of its samples).
    """
    sized = struct.pack(">IIIII", 0, 0, 0, per_s, length) + bytes(80)
    track = _box(b"tkhd", struct.pack(">IIII", 0, 0, 0, 1) + bytes(68)) + _box(b"mdia", _box(b"mdhd", sized))
    default = _box(b"mvex", _box(b"trex", struct.pack(">IIIIII", 0, 1, 1, 960, 0, 0)))
    file = _box(b"ftyp", b"M4A \0\0\0\0isom") + _box(b"moov", _box(b"mvhd", sized) + _box(b"trak", track) + default)
    for begin, samples in fragments:
        each = b"".join(struct.pack(">II", one, 40) for one in samples)
        run = _box(b"trun", struct.pack(">III", 0x301, len(samples), 0) + each)
        times = _box(b"tfhd", struct.pack(">II", 0x20000, 1)) + _box(b"tfdt", struct.pack(">IQ", 1 << 24, begin))
        file += _box(b"moof", _box(b"traf", times + run)) + _box(b"mdat", bytes(40 * len(samples)))
    return file


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _size(n: int) -> bytes:
    return bytes([0x80 | n])
