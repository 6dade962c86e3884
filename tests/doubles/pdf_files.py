"""PDF files of every kind a person may drop, made in the test that needs them."""

from __future__ import annotations

import io
from collections.abc import Sequence

from fpdf import FPDF
from fpdf.enums import AccessPermission
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfWriter

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


def form_pdf(question: str, filled_in: str, *, is_drawn: bool) -> bytes:
    """A form with one field, that the program which filled it in has drawn, or has left to be drawn."""
    field = f"/FT /Tx /T (name) /V ({filled_in}) /DA (/F 12 Tf 0 g) /Rect [50 400 300 420] /P 3 0 R"
    shown = f"/Tx BMC BT /F 12 Tf 2 5 Td ({filled_in}) Tj ET EMC"
    written = f"BT /F 12 Tf 50 500 Td ({question}) Tj ET"
    shown = f"/Length {len(shown)} >>\nstream\n{shown}\nendstream"
    fonts = "/Resources << /Font << /F 6 0 R >> >>"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [5 0 R] /DA (/F 12 Tf) /DR << /Font << /F 6 0 R >> >>"
        + ("" if is_drawn else " /NeedAppearances true") + " >> >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 600] {fonts} /Contents 4 0 R /Annots [5 0 R] >>",
        f"<< /Length {len(written)} >>\nstream\n{written}\nendstream",
        f"<< /Type /Annot /Subtype /Widget {field} {'/AP << /N 7 0 R >>' if is_drawn else ''} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Type /XObject /Subtype /Form /BBox [0 0 250 20] {fonts} {shown}",
    ]  # fmt: skip
    return pdf_of([body.encode() for body in objects])


def pdf_of(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects; the first is its catalog."""
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def nameless_letters_pdf(text: str) -> bytes:
    """A page whose letters a person can read and a program cannot: its font does not say which they are."""
    pdf = FPDF()
    pdf.add_page()
    pdf.add_font("cjk", fname=CJK_FONT, collection_font_number=_SIMPLIFIED_CHINESE)
    pdf.set_font("cjk", size=24)
    pdf.multi_cell(0, 12, text)
    writer = PdfWriter(io.BytesIO(bytes(pdf.output())))
    for font in writer.pages[0]["/Resources"]["/Font"].values():
        font.get_object().pop("/ToUnicode")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


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
