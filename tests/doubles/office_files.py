"""Office files of every kind a person may drop, made in the test that needs them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import docx
import pptx
import xlsxwriter
from pptx.util import Inches

OLE_HEADER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def docx_file(write: Callable[[Any], object]) -> bytes:
    """A Word document that `write` has written into."""
    document = docx.Document()
    write(document)
    return _saved(document)


def pptx_file(slides: Sequence[tuple[str, str, str]], *, table: Sequence[Sequence[str]] = ()) -> bytes:
    """Slides of (title, text, notes); the table goes on the last one."""
    presentation = pptx.Presentation()
    for title, text, notes in slides:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    if table:
        box = (Inches(1), Inches(1), Inches(4), Inches(2))
        cells = slide.shapes.add_table(len(table), len(table[0]), *box).table
        for y, row in enumerate(table):
            for x, value in enumerate(row):
                cells.cell(y, x).text = value
    return _saved(presentation)


def xlsx_file(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as workbook:
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            for y, row in enumerate(rows):
                for x, value in enumerate(row):
                    sheet.write(y, x, value)
    return file.getvalue()


def ods_file(sheets: Mapping[str, Sequence[Sequence[str]]]) -> bytes:
    """An OpenDocument workbook of texts, as little of one as there can be."""

    def row_xml(row: Sequence[str]) -> str:
        cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
        return f"<table:table-row>{''.join(map(cell.format, row))}</table:table-row>"

    tables = "".join(
        f'<table:table table:name="{name}">{"".join(map(row_xml, rows))}</table:table>' for name, rows in sheets.items()
    )
    names = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<office:document-content xmlns:office="{names}:office:1.0" xmlns:table="{names}:table:1.0"'
        f' xmlns:text="{names}:text:1.0"><office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{names}:manifest:1.0"/>')
    return file.getvalue()


def docx_with_notes(body: str, **notes: str) -> bytes:
    """A Word document of this body, and parts named `footnotes`, `endnotes` or `comments` with these contents."""
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    data = docx_file(lambda document: document.add_paragraph("x"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        types = archive.read("[Content_Types].xml").decode()
        relations = archive.read("word/_rels/document.xml.rels").decode()
    parts = {"word/document.xml": f"<w:document {w}><w:body>{body}</w:body></w:document>"}
    for kind, content in notes.items():
        content_type = f"application/vnd.openxmlformats-officedocument.wordprocessingml.{kind}+xml"
        reltype = f"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"
        override = f'<Override PartName="/word/{kind}.xml" ContentType="{content_type}"/></Types>'
        relation = f'<Relationship Id="{kind}" Type="{reltype}" Target="{kind}.xml"/></Relationships>'
        types = types.replace("</Types>", override)
        relations = relations.replace("</Relationships>", relation)
        parts[f"word/{kind}.xml"] = f"<w:{kind} {w}>{content}</w:{kind}>"
    parts |= {"[Content_Types].xml": types, "word/_rels/document.xml.rels": relations}
    return repacked(data, {name: content.encode() for name, content in parts.items()})


def repacked(data: bytes, changed: Mapping[str, bytes], *, without: str = "\0") -> bytes:
    """An archive once more, some of its entries replaced or added, those whose name begins with `without` left out."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        kept = [name for name in old.namelist() if not name.startswith(without)]
        for name in dict.fromkeys([*kept, *changed]):
            new.writestr(name, changed[name] if name in changed else old.read(name))
    return file.getvalue()


def _saved(document: Any) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()
