from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterable

import pytest

from inference.errors import InvalidRequest
from inference.runner.image_files import MAX_IMAGES, check_image, check_images, check_packed_size
from tests.doubles.gguf_vision import png


def png_head(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, depth, colour, 0, 0, 0) + b"crc!"
    )


def png_of(width: int, height: int, pieces: Iterable[bytes]) -> bytes:
    packer = zlib.compressobj(9)
    packed = b"".join(map(packer.compress, pieces)) + packer.flush()
    return png_head(width, height) + struct.pack(">I4s", len(packed), b"IDAT") + packed + b"crc!"


def jpeg(width: int, height: int, *, frame: int = 0xC0, before: bytes = b"\xff\xe0\x00\x04AB") -> bytes:
    return b"\xff\xd8" + before + b"\xff\xff" + struct.pack(">BHBHH", frame, 11, 8, height, width) + b"\x01\x01\x11\x00"


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0"


def bmp(width: int, height: int, *, header_bytes: int = 40) -> bytes:
    size = struct.pack("<HH" if header_bytes == 12 else "<ii", width, height)
    return b"BM" + bytes(12) + struct.pack("<I", header_bytes) + size


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (png(), "PNG"),
        (jpeg(640, 480), "JPEG"),
        (jpeg(640, 480, frame=0xC2), "JPEG"),
        (gif(640, 480), "GIF"),
        (bmp(640, -480), "BMP"),
        (bmp(640, 480, header_bytes=12), "BMP"),
    ],
)
def test_images_are_told_by_their_content(data: bytes, kind: str) -> None:
    assert check_image(data) == kind


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "in no format that can be read"),
        (b"<svg/>", "in no format that can be read"),
        (b"ID3 sound", "in no format that can be read"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP images cannot be read"),
        (b"RIFF\0\0\0\0WAVEfmt ", "in no format that can be read"),
        (png()[:20], "cut off inside its header"),
        (gif(1, 1)[:8], "cut off inside its header"),
        (jpeg(640, 480)[:9], "cut off inside its header"),
        (png_head(0, 10), "0 x 10 pixels cannot be read"),
        (png_head(10_000, 10_000), "10,000 x 10,000 pixels cannot be read; at most 50,000,000 are"),
        (png_head(2**31, 1), "cannot be read"),
        (bmp(-5, 5), "cannot be read"),
        (gif(5000, 2), "too long and narrow"),
        (jpeg(640, 480, frame=0xC9), "a kind of JPEG that cannot be read"),
        (jpeg(640, 480, before=b"\xff\xda\x00\x02"), "damaged"),
        (jpeg(640, 480, before=b"\xff\xff" * 10_000), "damaged"),
        (jpeg(640, 480, before=b"\xff\xe0\x00\x00" * 10_000), "damaged"),
        (b"\xff\xd8\xff" + bytes(100), "damaged"),
        (png_head(8, 8) + bytes(33 * 1024 * 1024), "bytes; at most 33,554,432 are read"),
    ],
)
def test_what_is_no_image_or_too_large_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        check_image(data)

    assert problem in refusal.value.detail


def test_mangled_images_are_refused_or_pass_but_never_fail() -> None:
    source = random.Random(1)  # noqa: S311 - not for secrets
    whole = [png(), jpeg(640, 480), gif(640, 480), bmp(640, 480)]
    for _ in range(5000):
        data = bytearray(source.choice(whole))
        for _ in range(source.randint(1, 6)):
            data[source.randrange(len(data))] = source.randrange(256)
        del data[source.randrange(len(data) + 1) :]
        try:
            check_image(bytes(data))
            check_packed_size(bytes(data))
        except InvalidRequest:
            continue


def test_so_many_images_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=f"at most {MAX_IMAGES} images"):
        check_images([png()] * (MAX_IMAGES + 1))


def test_a_packed_image_must_not_grow_far_beyond_its_pixels() -> None:
    bomb = png_of(8, 8, [bytes(1024 * 1024)] * 300)
    assert len(bomb) < 1024 * 1024

    with pytest.raises(InvalidRequest, match="grows far beyond its pixels"):
        check_packed_size(bomb)


def test_a_large_image_may_be_packed_well() -> None:
    check_packed_size(png_of(7000, 7000, [bytes(7000 * 3 + 1)] * 7000))
    check_packed_size(jpeg(640, 480))


def test_packed_data_that_is_none_is_refused() -> None:
    data = png_head(8, 8) + struct.pack(">I4s", 400_000, b"IDAT") + bytes(400_000) + b"crc!"

    with pytest.raises(InvalidRequest, match="damaged"):
        check_packed_size(data)
