"""Writes PNG images. Source: PNG Specification (Third Edition), W3C."""

from __future__ import annotations

import struct
import zlib

_COLOUR_TYPE = {1: 0, 3: 2, 4: 6}


def encode_png(pixels: bytes, width: int, height: int, stride: int, n_channels: int) -> bytes:
    """Return 8-bit pixels (grey, RGB or RGBA, rows `stride` bytes apart) as PNG."""
    n_row_bytes = width * n_channels
    rows = bytearray()
    for start in range(0, stride * height, stride):
        rows.append(0)
        rows += pixels[start : start + n_row_bytes]
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPE[n_channels], 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _png_chunk(b"IHDR", header),
            _png_chunk(b"IDAT", zlib.compress(bytes(rows), level=4)),
            _png_chunk(b"IEND", b""),
        )
    )


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
