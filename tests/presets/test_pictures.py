from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from webui.presets import pictures
from webui.presets.errors import PictureRefused
from webui.presets.pictures import SIDE_PX, redrawn

ORIENTATION = 0x0112
GPS = 0x8825


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    picture.save(file, form, **options)
    file.seek(0)
    return file


def drawn(file: io.BytesIO) -> Image.Image:
    return Image.open(io.BytesIO(redrawn(file)))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_becomes_a_small_square_png(form: str) -> None:
    picture = drawn(encoded(Image.new("RGB", (600, 300), "red"), form))

    assert (picture.format, picture.size) == ("PNG", (SIDE_PX, SIDE_PX))
    red, green, blue, alpha = picture.convert("RGBA").getpixel((64, 64))  # type: ignore[misc]
    assert (red > 240, green < 15, blue < 15, alpha) == (True, True, True, 255)


def test_it_is_turned_as_the_camera_says_and_nothing_else_of_the_file_is_kept() -> None:
    # The left half is red, and the camera lay on its side.
    photograph = Image.new("RGB", (400, 400), "blue")
    photograph.paste("red", (0, 0, 200, 400))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010E] = "taken at home"
    exif.get_ifd(GPS)[1] = "N"
    file = encoded(photograph, "JPEG", exif=exif, comment=b"a secret", quality=95)

    content = redrawn(file)

    picture = Image.open(io.BytesIO(content))
    assert not picture.getexif()
    assert picture.info == {}
    for words in (b"taken at home", b"a secret", b"eXIf", b"tEXt", b"iCCP"):
        assert words not in content
    assert picture.convert("RGB").getpixel((64, 10))[0] > 200  # type: ignore[index]
    assert picture.convert("RGB").getpixel((64, 118))[2] > 200  # type: ignore[index]


def test_a_text_in_a_png_and_a_transparent_ground() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Comment", "a secret")
    content = redrawn(encoded(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), pnginfo=info))

    assert b"a secret" not in content
    assert Image.open(io.BytesIO(content)).convert("RGBA").getpixel((5, 5)) == (0, 0, 0, 0)


def bomb(side: int) -> io.BytesIO:
    """A PNG that says to be huge."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunk_of(*chunk) for chunk in chunks))


def chunk_of(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("side", [5100, 60_000])
def test_what_says_to_be_huge_is_not_unpacked(side: int) -> None:
    with pytest.raises(PictureRefused) as refused:
        redrawn(bomb(side))

    assert refused.value.problem == PictureRefused.TOO_LARGE


@pytest.mark.parametrize(
    "content",
    [
        b"", b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", b"GIF89a",
        b"\xff\xd8\xff\xe0" + b"\0" * 40, b"BM" + b"\0" * 60, b"%PDF-1.4",
        encoded(Image.effect_noise((300, 300), 90)).getvalue()[:5000],
        encoded(Image.effect_noise((300, 300), 90), "TIFF").getvalue(),
    ],
    ids=["nothing", "text", "svg", "empty gif", "empty jpeg", "bmp", "pdf", "cut off", "tiff"],
)  # fmt: skip
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(PictureRefused) as refused:
        redrawn(io.BytesIO(content))

    assert refused.value.problem == PictureRefused.UNREADABLE


def test_a_kept_picture_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = Image.merge("RGB", [Image.effect_noise((900, 700), 120) for _ in range(3)])

    assert len(redrawn(encoded(noise))) < SIDE_PX * SIDE_PX * 4 + 2000
    assert pictures.digest_of(b"x") != pictures.digest_of(b"y")
