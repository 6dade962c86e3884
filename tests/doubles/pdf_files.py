"""PDF files of every kind a person may drop, made in the test that needs them."""

from __future__ import annotations

import io
from collections.abc import Sequence

from fpdf import FPDF
from fpdf.enums import AccessPermission
from PIL import Image, ImageDraw, ImageFont

CJK_FONT = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
_SIMPLIFIED_CHINESE = 2


def text_pdf(pages: Sequence[str], *, password: str = "", owner_password: str = "") -> bytes:
    pdf = FPDF()
    pdf.set_font("Helvetica", size=11)
    for text in pages:
        pdf.add_page()
        pdf.multi_cell(0, 6, text)
    if password or owner_password:
        pdf.set_encryption(
            owner_password=owner_password or "owner",
            user_password=password or None,
            permissions=AccessPermission.none(),
        )
    return bytes(pdf.output())


def scanned_pdf(n_pages: int = 1) -> bytes:
    """Pages that are pictures, as a scanner makes them."""
    pdf = FPDF()
    picture = io.BytesIO()
    Image.new("L", (200, 280), 230).save(picture, "PNG")
    for _ in range(n_pages):
        pdf.add_page()
        pdf.image(picture, x=0, y=0, w=210)
    return bytes(pdf.output())


def printed_page(lines: Sequence[str]) -> Image.Image:
    """Half a page of paper with these lines on it, as a scanner sees it."""
    image = Image.new("L", (1240, 900), 245)
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(CJK_FONT, 32, index=_SIMPLIFIED_CHINESE)
    for y, line in enumerate(lines):
        draw.text((90, 90 + 60 * y), line, font=font, fill=20)
    return image


def mixed_pdf(pages: Sequence[str | Image.Image], *, stamp: str = "") -> bytes:
    """Pages of text and pages that are pictures; each picture bears the stamp, as text."""
    pdf = FPDF(format=(210, 152.4))
    pdf.set_font("Helvetica", size=11)
    for page in pages:
        pdf.add_page()
        if isinstance(page, str):
            pdf.multi_cell(0, 6, page)
            continue
        pdf.image(page, x=0, y=0, w=210)
        if stamp:
            pdf.cell(0, 6, stamp)
    return bytes(pdf.output())


def blank_pdf() -> bytes:
    pdf = FPDF()
    pdf.add_page()
    return bytes(pdf.output())
