"""Pictures as documents, and pages that lie on their side: the real Pillow and the real tesseract in the real child."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pytest_django import Settings

from rag.extraction import child, tesseract
from rag.extraction.png import encode_png
from rag.extraction.tesseract import Tesseract
from rag.models import Document
from rag.services.documents import retry_document
from rag.services.pages import document_text, page_image, page_marks
from rag.types import Box, Problem
from tests.doubles.pdf_files import printed_page
from tests.rag.fixtures import ingest_all
from webui.accounts.models import User
from webui.documents.wording import PROBLEMS, state_in_words

Upload = Callable[..., Document]

ENGLISH = ["The lighthouse of Nordhaven was built in 1902.", "Its lamp can be seen from thirty kilometres."]
CHINESE = ["管理员可以随时恢复任何一天的数据，无需停止服务。", "系统会在磁盘空间不足时发出警告，并停止接收新文件。"]
ROTATE = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}


@pytest.fixture(autouse=True)
def _one_language(settings: Settings, request: pytest.FixtureRequest) -> None:
    """Two take twice as long."""
    settings.HEARTH_OCR_LANGUAGES = getattr(request, "param", ("eng",))


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def on_glass() -> Image.Image:
    """Black letters on nothing, as programs export them."""
    letters = Image.eval(printed_page(ENGLISH), lambda grey: 255 - grey)
    picture = Image.new("RGBA", letters.size, (0, 0, 0, 0))
    picture.putalpha(letters)
    return picture


def in_ink() -> Image.Image:
    return printed_page(ENGLISH).point(lambda grey: 255 if grey > 128 else 0).convert("1")


def in_16_bits() -> Image.Image:
    return printed_page(ENGLISH).convert("I").point(lambda grey: grey * 256).convert("I;16")


def said_by_the_camera() -> bytes:
    """Stored on its side, with the note that it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(printed_page(ENGLISH).transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)


PICTURES: dict[str, Callable[[], bytes]] = {
    "grey.png": lambda: encoded(printed_page(ENGLISH), "PNG"),
    "colour.jpg": lambda: encoded(printed_page(ENGLISH).convert("RGB"), "JPEG"),
    "fax.tiff": lambda: encoded(in_ink(), "TIFF", compression="group4"),
    "web.webp": lambda: encoded(printed_page(ENGLISH).convert("RGB"), "WEBP", quality=80),
    "palette.png": lambda: encoded(printed_page(ENGLISH).convert("P"), "PNG"),
    "deep.png": lambda: encoded(
        printed_page(ENGLISH).convert("I").point(lambda grey: grey * 256).convert("I;16"), "PNG"
    ),
    "glass.png": lambda: encoded(on_glass(), "PNG"),
    "small.png": lambda: encoded(printed_page(ENGLISH).resize((620, 450)), "PNG"),
    "camera.jpg": said_by_the_camera,
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_text_is_a_document_of_one_page(ingested: Upload, alice: User, name: str) -> None:
    document = ingested(alice, PICTURES[name](), name)

    assert document_text(document).text.split() == " ".join(ENGLISH).split()
    assert document.is_ready and document.is_drawn
    assert state_in_words(document) == "1 page, 1 read by text recognition"
    assert document.chunks.get().page == 1


def test_a_picture_is_what_it_is_whatever_its_name_says(ingested: Upload, alice: User) -> None:
    assert ingested(alice, PICTURES["grey.png"](), "report.pdf").media_type == "image/png"


@pytest.mark.parametrize("_one_language", [("chi_sim", "eng")], indirect=True)
def test_a_tiff_has_as_many_pages_as_it_holds(ingested: Upload, alice: User) -> None:
    pages = [printed_page(ENGLISH), printed_page(CHINESE)]

    document = ingested(alice, encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "fax.tif")

    content = document_text(document)
    english, chinese = (content.text[start:end] for start, end in content.page_spans)
    assert english.split() == " ".join(ENGLISH).split()
    assert "".join(chinese.split()) == "".join(CHINESE)
    assert document.n_pages == 2


def test_without_tesseract_a_picture_says_what_to_install_and_is_read_after_that(
    ingested: Upload, alice: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    document = ingested(alice, PICTURES["grey.png"](), "grey.png")
    assert (document.state, document.error) == (Document.State.FAILED, Problem.SCANNED)
    assert "holds pictures of text" in str(PROBLEMS[Problem.SCANNED].sentence)

    monkeypatch.setenv("PATH", os.defpath)
    retry_document(document)
    ingest_all()

    document.refresh_from_db()
    assert document.is_ready


def test_a_passage_of_a_picture_is_marked_on_it_and_shown(ingested: Upload, alice: User) -> None:
    document = ingested(alice, PICTURES["colour.jpg"](), "colour.jpg")
    start = document_text(document).text.index("built in 1902")

    marks = page_marks(document, 1, start, start + len("built in 1902."))
    with Image.open(page_image(document, 1, 900)) as shown:
        size = shown.size

    (box,) = marks.boxes
    points_a_pixel = marks.width / 1240
    assert 90 * points_a_pixel < box.y < 130 * points_a_pixel
    assert 480 * points_a_pixel < box.x < 620 * points_a_pixel
    assert size == (900, round(900 * 900 / 1240))
    assert marks.height / marks.width == pytest.approx(900 / 1240, abs=0.01)


@pytest.mark.parametrize(("degrees", "kind"), [(90, "png"), (180, "png"), (270, "png"), (180, "pdf")])
def test_a_page_on_its_side_or_its_head_is_read_and_marked_where_it_lies(
    ingested: Upload, alice: User, degrees: int, kind: str
) -> None:
    turned = printed_page([*ENGLISH, *ENGLISH[::-1]]).transpose(ROTATE[degrees])
    document = ingested(alice, encoded(turned, kind, resolution=150), f"turned.{kind}")

    text = document_text(document).text
    start = text.index("Nordhaven")
    marks = page_marks(document, 1, start, start + len("Nordhaven"))

    assert [word for word in ENGLISH[0].split() if word not in text.split()] == []
    expected = placed(Box(x=328, y=90, width=165, height=45), degrees)
    box = marks.boxes[0]
    scale = (900 if degrees % 180 else 1240) / marks.width
    for seen, wanted in zip((box.x, box.y, box.width, box.height), expected, strict=True):
        assert seen * scale == pytest.approx(wanted, abs=45)


def placed(box: Box, degrees: int) -> tuple[float, float, float, float]:
    """Return where a box of the upright page is when it was turned so far to the left."""
    match degrees:
        case 90:
            return box.y, 1240 - box.x - box.width, box.height, box.width
        case 180:
            return 1240 - box.x - box.width, 900 - box.y - box.height, box.width, box.height
        case _:
            return 900 - box.y - box.height, box.x, box.height, box.width


def test_where_nothing_tells_how_a_page_lies_it_is_read_as_it_is() -> None:
    found = tesseract.find()
    assert found and found.sees_turns
    file = io.BytesIO(encoded(printed_page(ENGLISH).transpose(Image.Transpose.ROTATE_180), "PNG"))

    read = child.recognise(file, 1, Tesseract(found.path, ("eng",)))

    assert "Nordhaven" not in read.text


def test_a_photograph_has_no_text(ingested: Upload, alice: User) -> None:
    photograph = Image.radial_gradient("L").resize((800, 600))

    document = ingested(alice, encoded(photograph, "JPEG"), "photo.jpg")

    assert (document.state, document.error) == (Document.State.FAILED, Problem.EMPTY)


def png_of(width: int, height: int) -> bytes:
    """A few bytes that say they are a huge picture."""
    small = bytearray(encode_png(b"\0", 1, 1, 1, 1))
    small[16:24] = struct.pack(">II", width, height)
    small[29:33] = struct.pack(">I", zlib.crc32(small[12:29]))
    return bytes(small)


def endless_tiff() -> bytes:
    """A directory whose next one is itself."""
    file = bytearray(encoded(Image.new("L", (8, 8)), "TIFF"))
    (directory,) = struct.unpack_from("<I", file, 4)
    (n_entries,) = struct.unpack_from("<H", file, directory)
    struct.pack_into("<I", file, directory + 2 + 12 * n_entries, directory)
    return bytes(file)


@pytest.mark.parametrize(
    ("content", "name", "problems"),
    [
        (lambda: PICTURES["grey.png"]()[:3000], "a.png", {Problem.BROKEN}),
        (lambda: PICTURES["colour.jpg"]()[:3000], "a.jpg", {Problem.BROKEN}),
        (lambda: PICTURES["web.webp"]()[:300], "a.webp", {Problem.BROKEN}),
        (lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "a.png", {Problem.BROKEN}),
        (lambda: b"\xff\xd8\xff" + bytes(range(256)) * 9, "a.jpg", {Problem.BROKEN}),
        (lambda: b"II*\0" + b"\xff" * 400, "a.tif", {Problem.BROKEN}),
        (lambda: b"RIFF\x10\0\0\0WEBPVP8 " + bytes(200), "a.webp", {Problem.BROKEN}),
        (lambda: png_of(2_000_000, 2_000_000), "bomb.png", {Problem.TOO_LARGE}),
        (lambda: png_of(9_999, 9_999), "short.png", {Problem.BROKEN}),
        (endless_tiff, "loop.tif", {Problem.SCANNED, Problem.BROKEN}),
        (lambda: bytes(range(256)) * 20, "a.png", {Problem.BROKEN}),
    ],
)
def test_a_picture_that_means_harm_is_bounded(content: Callable[[], bytes], name: str, problems: set[Problem]) -> None:
    found = child.extract_text(io.BytesIO(content()), name, wall_s=30)

    assert found.problem in problems
    assert len(found.page_spans) <= 1
