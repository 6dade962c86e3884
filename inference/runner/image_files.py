"""Look at an image file from the outside, before native code opens it. No native code, no I/O."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Literal

from inference.errors import InvalidRequest

ImageFormat = Literal["PNG", "JPEG", "GIF", "BMP"]

MAX_IMAGES = 64
MAX_IMAGE_BYTES = 32 * 1024 * 1024
MAX_PIXELS = 50_000_000
"""A photo of today's best telephones; decoded, each pixel takes three bytes, several times over for a moment."""

MAX_SIDE = 32_768
MAX_RATIO = 200
"""Source: Qwen's `smart_resize` refuses longer strips."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_COLOUR_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
MAX_DEFLATE_RATIO = 1032
"""Source: https://zlib.net/zlib_tech.html."""

HARMLESS_BYTES = 256 * 1024 * 1024
"""What packed data may grow to without being looked at."""

MAX_JPEG_MARKERS = 10_000
JPEG_FRAMES_READ = frozenset({0xC0, 0xC1, 0xC2})
JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
JPEG_END_OF_HEADER = frozenset({0xD9, 0xDA})
JPEG_APP1 = 0xE1
EXIF_SIGNATURE = b"Exif\0\0"


def check_images(images: Sequence[bytes]) -> None:
    """Raise InvalidRequest unless these are images that may be decoded."""
    if len(images) > MAX_IMAGES:
        raise InvalidRequest(f"a request may hold at most {MAX_IMAGES} images")
    for image in images:
        check_image(image)


def check_image(data: bytes) -> ImageFormat:
    """Return the format of an image. Raises InvalidRequest when it is none, or too large to be decoded."""
    if len(data) > MAX_IMAGE_BYTES:
        raise InvalidRequest(f"an image has {len(data):,} bytes; at most {MAX_IMAGE_BYTES:,} are read")
    try:
        kind, width, height = _measured(data)
    except struct.error:
        raise InvalidRequest("an image is cut off inside its header") from None
    if not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE or width * height > MAX_PIXELS:
        raise InvalidRequest(f"an image of {width:,} x {height:,} pixels cannot be read; at most {MAX_PIXELS:,} are")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise InvalidRequest(f"an image of {width:,} x {height:,} pixels is too long and narrow")
    return kind


def check_packed_size(data: bytes) -> None:
    """Raise InvalidRequest for a PNG whose packed data grows far beyond its pixels. Takes up to a second.

    The native decoder unpacks it all, whatever the header says.
    """
    if not data.startswith(PNG_SIGNATURE):
        return
    packed = [data[start:end] for kind, start, end in _png_chunks(data) if kind == b"IDAT"]
    if sum(map(len, packed)) * MAX_DEFLATE_RATIO <= HARMLESS_BYTES:
        return
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    row_bytes = 1 + (width * depth * PNG_COLOUR_CHANNELS.get(colour, 4) + 7) // 8
    # Interlaced pictures have up to twice as many rows, each with its own first byte.
    room = 2 * height * row_bytes + 4096
    unpacker, n_bytes = zlib.decompressobj(), 0
    try:
        for piece in packed:
            while piece:
                n_bytes += len(unpacker.decompress(piece, room + 1))
                piece = unpacker.unconsumed_tail
                if n_bytes > room:
                    raise InvalidRequest("an image is packed so that it grows far beyond its pixels")
    except zlib.error as exc:
        raise InvalidRequest("an image is damaged and cannot be decoded") from exc


def _measured(data: bytes) -> tuple[ImageFormat, int, int]:
    if data.startswith(PNG_SIGNATURE):
        width, height = struct.unpack_from(">II", data, 16)
        return "PNG", width, height
    if data.startswith((b"GIF87a", b"GIF89a")):
        width, height = struct.unpack_from("<HH", data, 6)
        return "GIF", width, height
    if data.startswith(b"BM"):
        return "BMP", *_bmp_size(data)
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG", *_jpeg_size(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        raise InvalidRequest("WebP images cannot be read; PNG, JPEG, GIF and BMP can")
    raise InvalidRequest("an image is in no format that can be read; PNG, JPEG, GIF and BMP can")


def _bmp_size(data: bytes) -> tuple[int, int]:
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header_bytes == 12 else "<ii", data, 18)
    return width, abs(height)  # A negative height means that the first row is the uppermost.


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Return width and height as the first frame header gives them."""
    for marker, at in _jpeg_segments(data):
        if marker in JPEG_FRAMES:
            if marker not in JPEG_FRAMES_READ:
                raise InvalidRequest("an image is a kind of JPEG that cannot be read (lossless or arithmetic)")
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
    raise InvalidRequest("an image is damaged and cannot be decoded")


def exif_of(data: bytes) -> bytes:
    """Return what a camera or a program noted in a file that passed `check_image`; empty when there is nothing."""
    if data.startswith(PNG_SIGNATURE):
        return next((data[start:end] for kind, start, end in _png_chunks(data) if kind == b"eXIf"), b"")
    if not data.startswith(b"\xff\xd8\xff"):
        return b""
    for marker, at in _jpeg_segments(data):
        if marker in JPEG_FRAMES:
            return b""
        if marker == JPEG_APP1 and data[at + 4 : at + 10] == EXIF_SIGNATURE:
            (length,) = struct.unpack_from(">H", data, at + 2)
            return data[at + 10 : at + 2 + length]
    return b""


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the segments of a JPEG's header, each with its marker and where that stands."""
    at = 2
    for _ in range(MAX_JPEG_MARKERS):
        (fill, marker) = struct.unpack_from(">BB", data, at)
        if fill != 0xFF or marker in JPEG_END_OF_HEADER:
            return
        if marker == 0xFF:  # Any number of these may stand before a marker.
            at += 1
            continue
        if marker in JPEG_WITHOUT_LENGTH:
            at += 2
            continue
        yield marker, at
        (length,) = struct.unpack_from(">H", data, at + 2)
        at += 2 + length


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each chunk of a PNG, and where its data lies."""
    at = len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at + 8, min(at + 8 + length, len(data))
        at += 12 + length
