"""Files made to do harm: each with what is to be said of it. What they claim to be is in their names."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from rag.types import Problem
from tests.doubles.books import epub_file
from tests.doubles.office_files import OLE_HEADER, docx_file, pptx_file, repacked, xlsx_file
from tests.doubles.pdf_files import pdf_of

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file, and the problems that may be told of it; None among them when it may also be read."""

    name: str
    make: Callable[[], bytes]
    problems: tuple[Problem | None, ...]

    def __str__(self) -> str:
        return f"{self.make.__name__}-{self.name}"


def plain_docx() -> bytes:
    return docx_file(lambda document: document.add_paragraph("Harmless."))


def zip_bomb() -> bytes:
    return repacked(plain_docx(), {"word/document.xml": b"<w/>" + b" " * 60_000_000})


def crowded_zip() -> bytes:
    return repacked(plain_docx(), {f"word/media/{n}": b"" for n in range(20_001)})


def overlapping_zip() -> bytes:
    """A hundred entries of the directory that are all the same ten megabytes of the file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b"<Types/>")
        archive.writestr("word/document.xml", b" " * 10_000_000)
        shared = archive.filelist[-1]
        for n in range(100):
            copy = zipfile.ZipInfo(f"word/{n}.xml")
            for field in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                setattr(copy, field, getattr(shared, field))
            archive.filelist.append(copy)
            archive.NameToInfo[copy.filename] = copy
    return file.getvalue()


def archive_in_archive() -> bytes:
    inner = zip_bomb()
    for _ in range(5):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inner.zip", inner)
        inner = file.getvalue()
    return inner


def entities() -> bytes:
    """External entities, and ten to the eighth times "ha"."""
    doubled = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    head = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY a "ha">{doubled}]>'
    body = f"<w:document {W}><w:body><w:p><w:r><w:t>&x;&i;</w:t></w:r></w:p></w:body></w:document>"
    return repacked(plain_docx(), {"word/document.xml": (head + body).encode()})


def entities_in_book() -> bytes:
    page = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><body><p>&x;</p></body></html>'
    return repacked(epub_file([("a.xhtml", "")]), {"OEBPS/a.xhtml": page.encode()})


def macros() -> bytes:
    data = plain_docx()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        types = archive.read("[Content_Types].xml").decode()
    plain = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    macro = types.replace(plain, "application/vnd.ms-word.document.macroEnabled.main+xml")
    return repacked(data, {"[Content_Types].xml": macro.encode(), "word/vbaProject.bin": b"Shell calc.exe"})


def program() -> bytes:
    return b"MZ\x90\x00" + bytes(4000)


def picture() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + bytes(4000)


def old_word() -> bytes:
    return OLE_HEADER + "WordDocument".encode("utf-16-le")


def cut_off() -> bytes:
    return plain_docx()[:9000]


def million_pages() -> bytes:
    """Six levels of ten, all of them the same few objects."""
    levels = [
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"%d 0 R " % (level + 3) * 10, 10 ** (6 - level))
        for level in range(6)
    ]
    return pdf_of([b"<< /Type /Catalog /Pages 2 0 R >>", *levels, b"<< /Type /Page /MediaBox [0 0 9 9] >>"])


def stream(data: bytes, head: bytes = b"") -> bytes:
    packed = zlib.compress(data, 9)
    return b"<< %s /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (head, len(packed), packed)


def page_of(resources: bytes, content: bytes, *more: bytes) -> bytes:
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 600] /Resources << %s >> /Contents 4 0 R >>" % resources
    pages = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return pdf_of([b"<< /Type /Catalog /Pages 2 0 R >>", pages, page, stream(content), *more])


def huge_picture() -> bytes:
    """A scan of 30,000 by 30,000 points of 24 bits in a few megabytes."""
    packer = zlib.compressobj(9)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush the packer has forgotten everything: the same rows pack to the same bytes again.
    block = packer.compress(bytes(30_000 * 3 * 100)) + packer.flush(zlib.Z_FULL_FLUSH)
    rows = head + block * 300 + packer.flush(zlib.Z_FINISH)
    image = (
        b"<< /Type /XObject /Subtype /Image /Width 30000 /Height 30000 /ColorSpace /DeviceRGB /BitsPerComponent 8"
        b" /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(rows), rows)
    )
    return page_of(b"/XObject << /I 5 0 R >>", b"q 600 0 0 600 0 0 cm /I Do Q", image)


def forms_in_forms() -> bytes:
    """Ten forms that draw the next ten times each: ten to the tenth drawings."""
    forms = [
        stream(
            b"/F Do " * 10 if n < 9 else b"0 0 m 1 1 l S",
            b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F %d 0 R >> >>" % min(n + 6, 14),
        )
        for n in range(10)
    ]
    return page_of(b"/XObject << /F 5 0 R >>", b"/F Do", *forms)


def pages_in_a_circle() -> bytes:
    return pdf_of([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 4 >>"])


def deep_html() -> bytes:
    return b"<html>" + b"<div>" * 300_000 + b"deep"


def deep_docx() -> bytes:
    inner = "<w:sdt><w:sdtContent>" * 5000 + "</w:sdtContent></w:sdt>" * 5000
    return repacked(
        plain_docx(), {"word/document.xml": f"<w:document {W}><w:body>{inner}</w:body></w:document>".encode()}
    )


def deep_slides() -> bytes:
    group = "<p:grpSp><p:nvGrpSpPr/><p:grpSpPr/>"
    names = (
        'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
        ' xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    )
    tree = group * 200 + "</p:grpSp>" * 200
    slide = f"<p:sld {names}><p:cSld><p:spTree><p:nvGrpSpPr/><p:grpSpPr/>{tree}</p:spTree></p:cSld></p:sld>"
    return repacked(pptx_file([("A", "b", "")]), {"ppt/slides/slide1.xml": slide.encode()})


def far_cell() -> bytes:
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    sheet = f'<worksheet xmlns="{SHEET}"><sheetData>{rows}</sheetData></worksheet>'
    return repacked(xlsx_file({"A": [["near"]]}), {"xl/worksheets/sheet1.xml": sheet.encode()})


def one_endless_cell() -> bytes:
    return b'name,text\na,"' + b"x" * 25_000_000


def endless_text() -> bytes:
    return b"word " * 4_100_000


def broken_directory() -> bytes:
    data = bytearray(plain_docx())
    end = data.rindex(b"PK\x05\x06")
    data[end + 12 : end + 20] = struct.pack("<II", 0xFFFFFF00, 0xFFFFFF00)
    return bytes(data)


BOUNDED = (Problem.TOO_LARGE, Problem.TIMEOUT, Problem.CRASHED, Problem.BROKEN, Problem.EMPTY, Problem.SCANNED)

HOSTILE = [
    Hostile("a.docx", zip_bomb, (Problem.TOO_LARGE,)),
    Hostile("a.docx", crowded_zip, (Problem.TOO_LARGE,)),
    Hostile("a.docx", overlapping_zip, (Problem.TOO_LARGE,)),
    Hostile("a.zip", archive_in_archive, (Problem.UNSUPPORTED,)),
    Hostile("a.docx", archive_in_archive, (Problem.BROKEN,)),
    Hostile("a.docx", entities, (Problem.BROKEN, Problem.EMPTY)),
    Hostile("a.epub", entities_in_book, (Problem.BROKEN, Problem.EMPTY)),
    Hostile("a.docm", macros, (None,)),
    Hostile("a.docx", program, (Problem.BROKEN,)),
    Hostile("a.pdf", picture, (Problem.BROKEN,)),
    Hostile("a.exe", program, (Problem.UNSUPPORTED,)),
    Hostile("a.doc", old_word, (Problem.UNSUPPORTED,)),
    Hostile("a.docx", cut_off, (Problem.BROKEN,)),
    Hostile("a.docx", broken_directory, (Problem.BROKEN,)),
    Hostile("a.txt", bytes, (Problem.EMPTY,)),
    Hostile("a.pdf", million_pages, (Problem.TOO_LARGE,)),
    Hostile("a.pdf", pages_in_a_circle, (Problem.BROKEN, Problem.EMPTY)),
    Hostile("a.pdf", huge_picture, BOUNDED),
    Hostile("a.pdf", forms_in_forms, BOUNDED),
    Hostile("a.html", deep_html, (Problem.EMPTY, None)),
    Hostile("a.docx", deep_docx, (Problem.BROKEN, Problem.EMPTY)),
    Hostile("a.pptx", deep_slides, (Problem.BROKEN, Problem.EMPTY)),
    Hostile("a.xlsx", far_cell, BOUNDED),
    Hostile("a.csv", one_endless_cell, (Problem.TOO_LARGE,)),
    Hostile("a.txt", endless_text, (Problem.TOO_LARGE,)),
]
