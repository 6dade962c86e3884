"""Rarer parts of Office files, books and notebooks, read without a child: what a person sees is found, and once."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE

from rag.errors import Unreadable
from rag.extraction import book, detect, notebook, slides, word
from rag.types import Problem
from tests.doubles.books import epub_file
from tests.doubles.office_files import docx_file, docx_with_notes, pptx_file, repacked

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


def entry(data: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name).decode()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (f"<w:moveFrom>{run('moved')}</w:moveFrom>{run('Here: ')}<w:moveTo>{run('moved')}</w:moveTo>", "Here: moved"),
        (run("secret ", "<w:vanish/>") + run("shown ", "<w:vanish w:val='0'/>") + run("too"), "shown too"),
        ("<w:r><w:t>well</w:t><w:noBreakHyphen/><w:t>known</w:t></w:r>", "well-known"),
        (
            f"<m:oMath xmlns:m='{OFFICE}/math'><m:r><m:t>E=mc</m:t></m:r><m:sSup><m:e/><m:sup><m:r><m:t>2</m:t></m:r>"
            "</m:sup></m:sSup></m:oMath>" + run(" it is"),
            "E=mc^2 it is",
        ),
    ],
    ids=["moved", "hidden", "a hyphen", "a formula"],
)
def test_a_word_paragraph_reads_as_a_person_sees_it(body: str, text: str) -> None:
    assert word.extract(io.BytesIO(docx_with_notes(f"<w:p>{body}</w:p>"))).text == text


def test_what_stands_on_every_page_of_a_letter_is_read_once() -> None:
    def write(document: Any) -> None:
        section = document.sections[0]
        section.header.paragraphs[0].text = "Miller and Sons, 3 May 2031"
        section.footer.paragraphs[0].text = "Account 4711"
        section.different_first_page_header_footer = True
        section.first_page_header.paragraphs[0].text = "Miller and Sons, 3 May 2031"
        document.add_heading("Offer", 1)

    found = word.extract(io.BytesIO(docx_file(write)))

    assert sorted(found.text.split("\n")) == ["Account 4711", "Miller and Sons, 3 May 2031", "Offer"]
    assert found.page_names == ("", "Offer")


@pytest.mark.parametrize("target", ["media/missing.png", "NULL", "../../../etc/passwd", "/word/gone.xml", ""])
def test_a_reference_to_nothing_does_not_cost_the_file(target: str) -> None:
    reference = f'<Relationship Id="gone" Type="{OFFICE}/relationships/image" Target="{target}"/></Relationships>'
    files = (docx_file(lambda document: document.add_paragraph("Whole.")), pptx_file([("Whole.", "", "")]))
    for data, name, reader in (
        (files[0], "word/_rels/document.xml.rels", word),
        (files[1], "ppt/slides/_rels/slide1.xml.rels", slides),
    ):
        references = entry(data, name).replace("</Relationships>", reference)
        assert reader.extract(io.BytesIO(repacked(data, {name: references.encode()}))).text == "Whole."


def test_a_document_in_the_strict_form_is_read() -> None:
    data = docx_file(lambda document: document.add_heading("Strictly speaking", 1))
    usual = re.compile(rb"http://schemas\.openxmlformats\.org/(wordprocessingml|officeDocument|drawingml)/2006/")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        strict = {
            name: usual.sub(rb"http://purl.oclc.org/ooxml/\1/", archive.read(name)) for name in archive.namelist()
        }

    found = word.extract(io.BytesIO(repacked(data, strict)))

    assert (found.text, found.page_names) == ("Strictly speaking", ("Strictly speaking",))


def saved(presentation: Any) -> bytes:
    file = io.BytesIO()
    presentation.save(file)
    return file.getvalue()


def test_a_chart_says_its_figures() -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Sales"
    data = CategoryChartData()
    data.categories = ["East", "West"]
    data.add_series("First half", (19.25, None))
    data.add_series("Second half", (3, 21))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 1000, 1000, data)

    assert slides.extract(io.BytesIO(saved(presentation))).text.split("\n") == [
        "Sales", "East | First half: 19.25 | Second half: 3", "West | Second half: 21",
    ]  # fmt: skip


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_diagram_says_its_words_and_a_damaged_one_does_not_cost_its_slide(is_whole: bool) -> None:
    data = pptx_file([("People", "Who does what", "")])
    a = "http://schemas.openxmlformats.org/drawingml/2006/main"
    frame = (
        '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="9" name="Diagram"/><p:cNvGraphicFramePr/><p:nvPr/>'
        '</p:nvGraphicFramePr><p:xfrm><a:off x="0" y="0"/><a:ext cx="9" cy="9"/></p:xfrm><a:graphic><a:graphicData'
        f' uri="{DIAGRAM}"><dgm:relIds xmlns:dgm="{DIAGRAM}" xmlns:r="{OFFICE}/relationships" r:dm="diagram"/>'
        "</a:graphicData></a:graphic></p:graphicFrame></p:spTree>"
    )
    words = "".join(
        f"<dgm:pt><dgm:t><a:p><a:r><a:t>{w}</a:t></a:r></a:p></dgm:t></dgm:pt>" for w in ("Ole: keeper", "Ann")
    )
    model = f'<dgm:dataModel xmlns:dgm="{DIAGRAM}" xmlns:a="{a}">{words}</dgm:dataModel>'
    reference = (
        f'<Relationship Id="diagram" Type="{OFFICE}/relationships/diagramData" Target="../diagrams/data1.xml"/>'
        "</Relationships>"
    )
    override = (
        '<Override PartName="/ppt/diagrams/data1.xml"'
        ' ContentType="application/vnd.openxmlformats-officedocument.drawingml.diagramData+xml"/></Types>'
    )
    slide, references = "ppt/slides/slide1.xml", "ppt/slides/_rels/slide1.xml.rels"
    changed = {
        slide: entry(data, slide).replace("</p:spTree>", frame),
        references: entry(data, references).replace("</Relationships>", reference),
        "[Content_Types].xml": entry(data, "[Content_Types].xml").replace("</Types>", override),
        "ppt/diagrams/data1.xml": model if is_whole else model[:-30],
    }

    found = slides.extract(io.BytesIO(repacked(data, {name: text.encode() for name, text in changed.items()})))

    assert found.text.split("\n") == ["People", "Who does what", *(["Ole: keeper", "Ann"] if is_whole else [])]
    assert found.damaged_pages == ()


def test_a_book_without_an_order_is_read_in_that_of_its_files() -> None:
    data = epub_file([("a.xhtml", "<p>One.</p>"), ("b.xhtml", "<p>Two.</p>")])
    package = re.sub("<spine>.*</spine>", "", entry(data, "OEBPS/book.opf"))

    found = book.extract(io.BytesIO(repacked(data, {"OEBPS/book.opf": package.encode()})))

    assert found.text.split() == ["One.", "Two."]


def test_a_chapter_named_a_thousand_times_is_read_once() -> None:
    data = epub_file([("a.xhtml", "<p>One.</p>"), ("b.xhtml", "<p>Two.</p>")])
    reference = '<itemref idref="c0"/>'
    package = entry(data, "OEBPS/book.opf").replace(reference, reference * 1000)

    found = book.extract(io.BytesIO(repacked(data, {"OEBPS/book.opf": package.encode()})))

    assert (found.text, len(found.page_spans)) == ("One.\nTwo.", 2)


@pytest.mark.parametrize("address", ["OEBPS/a.xhtml", "/OEBPS/a.xhtml"])
def test_a_book_that_is_locked_says_so(address: str) -> None:
    locks = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData'
        ' xmlns="http://www.w3.org/2001/04/xmlenc#"><CipherData><CipherReference'
        f' URI="{address}"/></CipherData></EncryptedData></encryption>'
    )

    with pytest.raises(Unreadable) as refused:
        book.extract(io.BytesIO(epub_file([("a.xhtml", "<p>x</p>")], more={"META-INF/encryption.xml": locks})))

    assert refused.value.problem == Problem.PASSWORD


def test_a_notebook_is_read_as_its_cells_without_pictures() -> None:
    picture = "iVBORw0KGgo" * 1000
    cells = [
        {"cell_type": "markdown", "source": ["# Tides\n", "Measured at the pier."]},
        {
            "cell_type": "code", "source": "print(high)",
            "outputs": [
                {"output_type": "stream", "text": ["4.2 m\n"]},
                {"output_type": "display_data", "data": {"image/png": picture, "text/plain": ["<Figure>"]}},
                {"output_type": "error", "ename": "ValueError", "evalue": "no water"},
            ],
        },
    ]  # fmt: skip
    data = json.dumps({"cells": cells, "nbformat": 4}).encode()

    found = notebook.extract(data)

    assert detect.media_type(data, "Tides.IPYNB") == detect.NOTEBOOK
    assert found.page_names == ("Tides",)
    assert all(said in found.text for said in ("print(high)", "4.2 m", "<Figure>", "ValueError: no water"))
    assert picture not in found.text


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"cells": [1]}', b'{"cells": {"a": 1}}', b"[" * 100_000, b"not json"])
def test_what_only_claims_to_be_a_notebook_is_broken(data: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        notebook.extract(data)

    assert refused.value.problem == Problem.BROKEN
