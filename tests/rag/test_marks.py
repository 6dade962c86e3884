"""A passage is marked where it stands on its page: printed in red, and the marks hold what is red and only that."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from fpdf import FPDF
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import RectangleObject

from rag.extraction import pdf
from tests.doubles.pdf_files import CJK_FONT

WIDTH_PX = 900
# Ink may reach a little beyond the box of its character, and smoothing a little further.
TOLERANCE_PX = 3


@dataclass
class Sheet:
    """A page being printed; what is `red` is the passage."""

    pdf: FPDF

    def write(self, text: str, *, red: bool = False) -> None:
        self.pdf.set_text_color(255 if red else 0, 0, 0)
        self.pdf.write(6, text)

    def print_lines(self, x: float, y: float, lines: str, *, red: bool = False) -> None:
        self.pdf.set_text_color(255 if red else 0, 0, 0)
        for n, line in enumerate(lines.split("\n")):
            self.pdf.text(x, y + 6 * n, line)


def printed(draw: Callable[[Sheet], None], *, font: str = "") -> bytes:
    page = FPDF()
    page.add_page()
    if font:
        page.add_font("own", fname=font, collection_font_number=2)
        page.set_font("own", size=12)
    else:
        page.set_font("Helvetica", size=12)
    draw(Sheet(page))
    return bytes(page.output())


def changed(data: bytes, *, rotation: int = 0, crop: tuple[float, float, float, float] | None = None) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    page = writer.pages[0]
    page.rotate(rotation)
    if crop:
        page.cropbox = RectangleObject(crop)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def assert_marked(data: bytes, passage: str) -> None:
    text = pdf.extract(io.BytesIO(data)).text
    start = text.index(passage)
    marks = pdf.find_marks(io.BytesIO(data), 1, start, start + len(passage))
    pixels = np.asarray(Image.open(io.BytesIO(pdf.render_page(io.BytesIO(data), 1, WIDTH_PX))).convert("RGB")).astype(
        int
    )
    scale = pixels.shape[1] / marks.width
    red = (pixels[..., 0] - pixels[..., 1]) > 120
    black = pixels.max(axis=2) < 90
    near, inside = np.zeros(red.shape, bool), np.zeros(red.shape, bool)
    for box in marks.boxes:
        left, top, right, bottom = (
            round(edge * scale) for edge in (box.x, box.y, box.x + box.width, box.y + box.height)
        )
        near[max(top - TOLERANCE_PX, 0) : bottom + TOLERANCE_PX, max(left - TOLERANCE_PX, 0) : right + TOLERANCE_PX] = (
            True
        )
        inside[
            max(top + TOLERANCE_PX, 0) : bottom - TOLERANCE_PX, max(left + TOLERANCE_PX, 0) : right - TOLERANCE_PX
        ] = True
    assert red.sum() > 200
    assert not (red & ~near).any(), "a part of the passage is not marked"
    assert not (black & inside).any(), "something else is marked"


def two_columns(sheet: Sheet) -> None:
    sheet.print_lines(15, 20, "The harbour is old and was built by\nmonks who came from the north in\nboats of skin.")
    sheet.print_lines(15, 38, "The tower was first lit on 14 March", red=True)
    sheet.print_lines(110, 20, "1902 and burned paraffin.", red=True)
    sheet.print_lines(110, 26, "It went dark in the war and was lit\nagain by the keeper's daughter.")


def wrapped(sheet: Sheet) -> None:
    sheet.write("The harbour is old and was built by monks who came from the north in boats made of skin. ")
    sheet.write(
        "The light\u00adhouse was ex\u00adtra\u00ador\u00addi\u00adnar\u00adi\u00adly well re\u00adcon\u00adstruct"
        "\u00aded af\u00adter the storm of that ter\u00adri\u00adble win\u00adter.",
        red=True,
    )
    sheet.write(" Nobody knows who paid for all of this.")


def ligatures(sheet: Sheet) -> None:
    sheet.write("The o\ufb03ce moved. ")
    sheet.write("The \ufb01rst \ufb02eet of the o\ufb03ce su\ufb00ered.", red=True)
    sheet.write(" The \ufb01nal one did not.")


def chinese(sheet: Sheet) -> None:
    sheet.write(
        "港口很老，由北方来的僧侣建造。灯塔的石料来自罗湾的采石场，工人们用船把它们运到岛上，一共用了三个夏天才运完。"
    )
    sheet.write(
        "灯塔建于一九〇二年，塔高三十八米，第一任守塔人在这里住了十九年，每天写天气日记，后来他的女儿接替了他。",
        red=True,
    )
    sheet.write("没有人知道是谁付的钱。")


def plain(sheet: Sheet) -> None:
    sheet.write("The harbour is old. ")
    sheet.write("The tower was lit in 1902.", red=True)
    sheet.write(" It is high.")


def test_a_passage_over_two_columns() -> None:
    assert_marked(printed(two_columns), "The tower was first lit on 14 March\n1902 and burned paraffin.")


def test_a_hyphenated_passage() -> None:
    assert_marked(
        printed(wrapped),
        "The lighthouse was extraordinarily well reconstructed after the storm of that terrible winter.",
    )


def test_ligatures() -> None:
    assert_marked(printed(ligatures, font=CJK_FONT), "The first fleet of the office suffered.")


def test_chinese() -> None:
    assert_marked(
        printed(chinese, font=CJK_FONT),
        "灯塔建于一九〇二年，塔高三十八米，第一任守塔人在这里住了十九年，每天写天气日记，后来他的女儿接替了他。",
    )


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_turned_page(rotation: int) -> None:
    assert_marked(changed(printed(plain), rotation=rotation), "The tower was lit in 1902.")


@pytest.mark.parametrize("rotation", [0, 90])
def test_a_page_that_is_a_cutting(rotation: int) -> None:
    data = changed(printed(plain), rotation=rotation, crop=(20, 400, 500, 830))

    assert_marked(data, "The tower was lit in 1902.")
