"""Word, PowerPoint, Excel and CSV files in the bounded child: their text, its places, and hostile ones."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import xlsxwriter
from django.test import Client

from rag.extraction import child
from rag.models import Document
from rag.retrieval import retrieve
from rag.types import CSV, DOCX, ODS, PPTX, XLSX, Extraction, Problem
from tests.doubles.office_files import (
    OLE_HEADER,
    docx_file,
    docx_with_notes,
    ods_file,
    pptx_file,
    repacked,
    xlsx_file,
)
from webui.accounts.models import User
from webui.documents.wording import state_in_words

Upload = Callable[..., Document]


def extract(data: bytes, name: str) -> Extraction:
    return child.extract_text(io.BytesIO(data), name, wall_s=60)


def places(found: Extraction) -> list[tuple[str, str]]:
    names = found.page_names or ("",) * len(found.page_spans)
    return [(name, found.text[start:end]) for name, (start, end) in zip(names, found.page_spans, strict=True)]


def handbook(document: Any) -> None:
    document.add_paragraph("Read this first.")
    document.add_heading("Lighthouse", 1)
    document.add_paragraph("It was built in 1902.")
    document.add_heading("Opening hours", 2)
    document.add_paragraph("Summer: 9 to 17.", style="List Bullet")
    table = document.add_table(3, 2)
    for row, (item, price) in zip(table.rows, [("Ticket", "Price"), ("Adult", "12 €"), ("Child", "5 €")], strict=True):
        row.cells[0].text, row.cells[1].text = item, price
    document.add_heading("备份", 1)
    document.add_paragraph("数据库每天凌晨两点备份。")


def test_a_word_document_gives_its_sections_with_their_path() -> None:
    found = extract(docx_file(handbook), "handbook.docx")

    assert (found.problem, found.media_type) == (None, DOCX)
    assert places(found) == [
        ("", "Read this first."),
        ("Lighthouse", "Lighthouse\nIt was built in 1902."),
        (
            "Lighthouse › Opening hours",
            "Opening hours\n- Summer: 9 to 17.\nTicket: Adult | Price: 12 €\nTicket: Child | Price: 5 €",
        ),
        ("备份", "备份\n数据库每天凌晨两点备份。"),
    ]


def test_content_controls_and_tracked_changes_read_as_they_stand_now() -> None:
    body = (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>Filled in.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        "<w:p><w:del><w:r><w:delText>Old</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>New</w:t></w:r></w:ins><w:r><w:t> text.</w:t></w:r></w:p>"
        "</w:body></w:document>"
    )
    data = repacked(docx_file(handbook), {"word/document.xml": body.encode()})

    assert extract(data, "form.docx").text == "Filled in.\nNew text."


def test_notes_and_comments_stand_below_what_they_belong_to() -> None:
    body = (
        '<w:p><w:r><w:t>Built in 1902</w:t></w:r><w:r><w:footnoteReference w:id="2"/><w:t>.</w:t></w:r></w:p>'
        '<w:p><w:r><w:t>Closed.</w:t><w:commentReference w:id="0"/><w:endnoteReference w:id="3"/></w:r></w:p>'
    )
    data = docx_with_notes(
        body,
        footnotes='<w:footnote w:id="2"><w:p><w:r><w:t>Some say 1903.</w:t></w:r></w:p></w:footnote>',
        endnotes='<w:endnote w:id="3"><w:p><w:r><w:t>Archive 7.</w:t></w:r></w:p></w:endnote>',
        comments='<w:comment w:id="0" w:author="Wang"><w:p><w:r><w:t>Since when?</w:t></w:r></w:p></w:comment>',
    )

    text = extract(data, "a.docx").text

    assert text == "Built in 1902.\n[Some say 1903.]\nClosed.\n[Wang: Since when?]\n[Archive 7.]"


def test_a_document_with_macros_is_read_without_them() -> None:
    plain = docx_file(handbook)
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        types = archive.read("[Content_Types].xml").decode()
    macro = types.replace(
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
        "application/vnd.ms-word.document.macroEnabled.main+xml",
    )
    data = repacked(plain, {"[Content_Types].xml": macro.encode(), "word/vbaProject.bin": b"Shell calc.exe"})

    found = extract(data, "handbook.docm")

    assert "It was built in 1902." in found.text
    assert "calc" not in found.text


def test_a_presentation_gives_each_slide_with_its_table_and_notes() -> None:
    slides = [("Plan", "Build a harbour\nBy 1905", ""), ("预算", "总额三百万", "讲到这里停一下。")]
    data = pptx_file(slides, table=[["Year", "Cost"], ["1903", "40"]])

    found = extract(data, "plan.pptx")

    assert (found.problem, found.media_type, found.page_names) == (None, PPTX, ())
    assert places(found) == [
        ("", "Plan\nBuild a harbour\nBy 1905"),
        ("", "预算\n总额三百万\nYear: 1903 | Cost: 40\n讲到这里停一下。"),
    ]


def test_a_damaged_slide_does_not_cost_the_others() -> None:
    data = pptx_file([("One", "First", ""), ("Two", "Second", ""), ("Three", "Third", "")])

    found = extract(repacked(data, {"ppt/slides/slide2.xml": b"<p:sld"}), "plan.pptx")

    assert (found.problem, found.damaged_pages) == (None, (2,))
    assert places(found) == [("", "One\nFirst"), ("", ""), ("", "Three\nThird")]


def test_a_document_says_which_slide_was_left_out(ingested: Upload, alice: User, alice_client: Client) -> None:
    data = pptx_file([("One", "First", ""), ("Two", "Second", "")])

    document = ingested(alice, repacked(data, {"ppt/slides/slide2.xml": b"<p:sld"}), "plan.pptx")

    assert state_in_words(document) == "2 slides, damaged and left out: 2"
    page = alice_client.get(f"/documents/{document.uuid}/?page=2").content.decode()
    assert "There is no text here that could be read." in page


def test_hidden_sheets_are_read_and_those_of_programs_are_not() -> None:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as workbook:
        shown, hidden, programs = (workbook.add_worksheet(name) for name in ("Shown", "Hidden", "Programs"))
        shown.write_formula(0, 0, "=6*7", None, 42)
        shown.write_formula(0, 1, "=1/0", None, "#DIV/0!")
        shown.write(0, 2, "end")
        hidden.write(0, 0, "Found")
        hidden.hide()
        programs.write(0, 0, "Not found")
        programs.very_hidden()

    found = extract(file.getvalue(), "a.xlsx")

    assert places(found) == [("Shown", "42 | end"), ("Hidden", "Found")]


def test_an_opendocument_workbook_is_read() -> None:
    found = extract(ods_file({"预算": [["项目", "金额"], ["石料", "十二"]]}), "budget.ods")

    assert (found.problem, found.media_type) == (None, ODS)
    assert places(found) == [("预算", "项目: 石料 | 金额: 十二")]


def test_a_workbook_gives_each_row_with_its_headers() -> None:
    found = extract(
        xlsx_file(
            {
                "Budget": [["Costs of 1903"], [], ["Item", "Cost", "Paid"], ["Stone", 1250.0, date(1903, 5, 2)]],
                "预算": [["项目", "金额"], ["石料", 0.1], ["木料", 300]],
                "Empty": [],
            }
        ),
        "budget.xlsx",
    )

    assert (found.problem, found.media_type) == (None, XLSX)
    assert places(found) == [
        ("Budget", "Costs of 1903\nItem: Stone | Cost: 1250 | Paid: 1903-05-02"),
        ("预算", "项目: 石料 | 金额: 0.1\n项目: 木料 | 金额: 300"),
        ("Empty", ""),
    ]


@pytest.mark.parametrize(
    ("data", "name", "text"),
    [
        (b'Item,Cost\nStone,12\n"Wood, oak",7\n', "a.csv", "Item: Stone | Cost: 12\nItem: Wood, oak | Cost: 7"),
        (b"Item;Cost\nStone;1,5\nWood;2,5\n", "a.csv", "Item: Stone | Cost: 1,5\nItem: Wood | Cost: 2,5"),
        (b"Item\tCost\nStone\t12\n", "a.tsv", "Item: Stone | Cost: 12"),
        (b"sep=;\r\nItem;Cost\r\nStone;1,5\r\n", "a.csv", "Item: Stone | Cost: 1,5"),
        ("项目;金额\n石料;十二\n".encode("gb18030"), "a.csv", "项目: 石料 | 金额: 十二"),
        ("项目,金额\n石料,十二\n".encode("gb18030"), "a.csv", "项目: 石料 | 金额: 十二"),
        ("\ufeff项目,金额\r\n石料,12\r\n".encode(), "a.csv", "项目: 石料 | 金额: 12"),
        (b"1,2\n3,4\n", "a.csv", "1 | 2\n3 | 4"),
        (b"Item,2019,2020\nStone,12,13\n", "a.csv", "Item: Stone | 2019: 12 | 2020: 13"),
        (b"Stone,1902\nOak,1903\n", "a.csv", "Stone | 1902\nOak | 1903"),
        (b"Name,Born\n", "a.csv", "Name | Born"),
        (b"Only\nOne\nColumn\n", "a.csv", "Only\nOne\nColumn"),
    ],
)
def test_rows_of_delimited_files_carry_their_headers(data: bytes, name: str, text: str) -> None:
    found = extract(data, name)

    assert (found.problem, found.text) == (None, text)


def test_control_characters_are_left_out() -> None:
    strings = (
        '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        "<si><t>a_x0000_b</t></si><si><t>c_x0001_d</t></si></sst>"
    )
    data = repacked(xlsx_file({"A": [["x", "y"]]}), {"xl/sharedStrings.xml": strings.encode()})

    assert extract(data, "a.xlsx").text == "ab | cd"


def test_code_and_json_keep_their_lines() -> None:
    code = (
        "def answer() -> int:\n    # a comment that is long enough to look like one that was wrapped\n    return 42\n"
    )

    assert extract(code.encode(), "answer.py").text == code
    assert extract(b'{\n  "answer": 42\n}\n', "answer.json").text == '{\n  "answer": 42\n}\n'


def bomb(kind: str) -> bytes:
    """A Word document with an entry that unpacks to far more than it takes, or with entries without end."""
    if kind == "entries":
        return repacked(docx_file(handbook), {f"word/media/{n}": b"" for n in range(20_001)})
    return repacked(docx_file(handbook), {"word/document.xml": b"<w/>" + b" " * 60_000_000})


def nested() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("handbook.docx", docx_file(handbook))
    return file.getvalue()


def encrypted_archive() -> bytes:
    data = bytearray(docx_file(handbook))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        position = archive.start_dir
    # The flags of the first entry in the directory: 8 bytes behind its mark.
    data[position + 8] |= 1
    return bytes(data)


def understated() -> bytes:
    """A document whose text is larger than its archive says, in the hope that nobody counts while unpacking."""
    text = b"<w/>" + b" " * 60_000_000
    data = repacked(docx_file(handbook), {"word/document.xml": text})
    return data.replace(len(text).to_bytes(4, "little"), (1000).to_bytes(4, "little"))


OLE = OLE_HEADER + "Root Entry".encode("utf-16-le")


@pytest.mark.parametrize(
    ("make", "name", "problem"),
    [
        (lambda: bomb("ratio"), "a.docx", Problem.TOO_LARGE),
        (lambda: bomb("entries"), "a.docx", Problem.TOO_LARGE),
        (understated, "a.docx", Problem.BROKEN),
        (nested, "a.zip", Problem.UNSUPPORTED),
        (nested, "a.docx", Problem.BROKEN),
        (encrypted_archive, "a.docx", Problem.PASSWORD),
        (lambda: OLE + "EncryptedPackage".encode("utf-16-le"), "a.docx", Problem.PASSWORD),
        (lambda: OLE + "WordDocument".encode("utf-16-le"), "a.doc", Problem.UNSUPPORTED),
        (lambda: docx_file(handbook)[:9000], "a.docx", Problem.BROKEN),
        (lambda: xlsx_file({"A": [["x"]]})[:4000], "a.xlsx", Problem.BROKEN),
        (lambda: b"PK\x03\x04 and nothing of the kind", "a.pptx", Problem.BROKEN),
        (lambda: repacked(docx_file(handbook), {}, without="word/document"), "a.docx", Problem.BROKEN),
        (lambda: repacked(docx_file(handbook), {"word/document.xml": b"<w:document"}), "a.docx", Problem.BROKEN),
        (lambda: repacked(pptx_file([("A", "b", "")]), {"ppt/slides/slide1.xml": b"no"}), "a.pptx", Problem.BROKEN),
        (lambda: repacked(xlsx_file({"A": [["x"]]}), {}, without="xl/worksheets"), "a.xlsx", Problem.BROKEN),
        (lambda: docx_file(lambda document: None), "a.docx", Problem.EMPTY),
        (lambda: pptx_file([("", "", "")]), "a.pptx", Problem.EMPTY),
        (lambda: xlsx_file({"A": []}), "a.xlsx", Problem.EMPTY),
        (lambda: b"\n,,\n", "a.csv", Problem.EMPTY),
    ],
)
def test_what_cannot_be_read_is_named(make: Callable[[], bytes], name: str, problem: Problem) -> None:
    assert extract(make(), name).problem == problem


def test_a_file_is_what_its_content_is_not_what_its_name_says() -> None:
    assert extract(docx_file(handbook), "budget.xlsx").media_type == DOCX
    assert extract(xlsx_file({"A": [["Text"]]}), "notes.txt").media_type == XLSX
    assert extract(b"Item,Cost\nStone,1\n", "a.CSV").media_type == CSV


DOCTYPE = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY file SYSTEM "file:///etc/hostname"><!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)


@pytest.mark.parametrize(("entity", "problem"), [("file", None), ("i", Problem.BROKEN)])
def test_entities_are_not_followed(entity: str, problem: Problem | None) -> None:
    body = (
        DOCTYPE + '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        f"<w:p><w:r><w:t>Before &{entity}; after</w:t></w:r></w:p><w:p><w:r><w:t>End.</w:t></w:r></w:p>"
        "</w:body></w:document>"
    )

    found = extract(repacked(docx_file(handbook), {"word/document.xml": body.encode()}), "a.docx")

    assert found.problem == problem
    assert len(found.text) < 40


def test_a_sheet_with_one_cell_in_the_farthest_corner_is_bounded() -> None:
    file = xlsx_file({"A": [["near"]]})
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
        "</sheetData></worksheet>"
    )

    found = extract(repacked(file, {"xl/worksheets/sheet1.xml": sheet.encode()}), "a.xlsx")

    assert found.problem in (Problem.TOO_LARGE, Problem.CRASHED, Problem.TIMEOUT)


@pytest.mark.parametrize(
    ("data", "name", "question", "place", "page"),
    [
        (pptx_file([("Plan", "Harbour", ""), ("Crew", "The keeper is Halvor Berg", "")]), "a.pptx",
         "Who is the keeper?", "slide 2", 2),
        (xlsx_file({"Crew": [["Name", "Post"], ["Berg", "keeper"]], "Budget": [["Item", "Cost"], ["Lamp oil", 96]]}),
         "a.xlsx", "What does the lamp oil cost?", "sheet Budget", 2),
        (docx_file(handbook), "a.docx", "数据库什么时候备份？", "section 备份", None),
    ],
)  # fmt: skip
def test_a_passage_names_its_slide_sheet_or_section(
    ingested: Upload, alice: User, data: bytes, name: str, question: str, place: str, page: int | None
) -> None:
    document = ingested(alice, data, name)
    assert document.is_ready

    found = asyncio.run(retrieve(user_id=alice.pk, question=question, document_ids=[document.pk]))
    best = found.passages[0]

    assert (best.place, best.page) == (place, page)
