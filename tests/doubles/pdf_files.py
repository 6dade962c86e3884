"""PDF files of every kind a person may drop, made in the test that needs them."""

from __future__ import annotations

import io
from collections.abc import Sequence

from fpdf import FPDF
from fpdf.enums import AccessPermission
from PIL import Image


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


def blank_pdf() -> bytes:
    pdf = FPDF()
    pdf.add_page()
    return bytes(pdf.output())
