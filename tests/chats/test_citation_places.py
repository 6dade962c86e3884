"""From a citation to the page, slide, sheet, chapter, section or line that it names, in every format."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.test import Client

from rag.models import Document
from tests.chats.pages import Page
from tests.doubles.books import epub_file
from tests.doubles.office_files import docx_file, pptx_file, xlsx_file
from tests.doubles.pdf_files import text_pdf
from tests.doubles.upstream import Upstream
from webui.accounts.models import User
from webui.chats.models import Citation

Ingest = Callable[..., Document]


def in_word(document: Any) -> None:
    document.add_heading("Harbour", 1)
    document.add_paragraph("Boats come and go.")
    document.add_heading("Tower", 2)
    document.add_paragraph("It is old. The keeper was Ole Brandt.")


SHEETS = {"Crew": [["Name", "Post"], ["Ole Brandt", "keeper"]], "Budget": [["Item", "Cost"], ["Lamp oil", 96]]}
SLIDES = [("Harbour", "Boats come and go.", ""), ("Tower", "The keeper was Ole Brandt.", "")]
CHAPTERS = [
    ("a.xhtml", "<h1>Harbour</h1><p>Boats.</p>"),
    ("b.xhtml", "<h1>Tower</h1><p>The keeper was Ole Brandt.</p>"),
]
PAGE = "<h1>Harbour</h1><p>Boats.</p><h2>Tower</h2><p>The keeper was Ole Brandt.</p>"
FORMATS: list[tuple[str, Callable[[], bytes | str], str]] = [
    ("harbour.pdf", lambda: text_pdf(["Boats come and go.", "It is old. The keeper was Ole Brandt."]), "page=2"),
    ("harbour.pptx", lambda: pptx_file(SLIDES), "page=2"),
    ("harbour.xlsx", lambda: xlsx_file(SHEETS), "page=1"),
    ("harbour.epub", lambda: epub_file(CHAPTERS), "page=2"),
    ("harbour.docx", lambda: docx_file(in_word), "section Harbour › Tower"),
    ("harbour.html", lambda: PAGE, "section Harbour › Tower"),
    ("harbour.md", lambda: "# Harbour\n\nBoats come.\n\nThe keeper was *Ole Brandt*.\n", "start=24"),
    ("harbour.txt", lambda: "Boats come and go. " * 3000 + "The keeper was Ole Brandt.", "start=57000"),
    ("harbour.csv", lambda: "Post,Name\npilot,Per Dahl\nkeeper,Ole Brandt\n", "start="),
]


@pytest.mark.parametrize(("name", "make", "place"), FORMATS, ids=[name for name, _, _ in FORMATS])
async def test_a_citation_opens_the_document_where_its_words_are_marked(
    site: Upstream, ingested: Ingest, alice: User, alice_page: Page, alice_client: Client, name: str,
    make: Callable[[], bytes | str], place: str,
) -> None:  # fmt: skip
    document = await database_sync_to_async(ingested)(alice, make(), name)
    async with alice_page as page:
        await page.send("Who was the keeper?", model="quotes", documents=[str(document.uuid)])
        ended = await page.until("generation.ended")

    citation = await database_sync_to_async(Citation.objects.get)()
    address, panel = (unescape(found) for found in re.findall(r'data-(?:passage-)?url="([^"]+)"', ended["html"]))
    get = database_sync_to_async(alice_client.get)
    shown, beside = [(await get(url)).content.decode() for url in (address, panel)]
    assert "Ole Brandt" in citation.text.replace("*", "")
    assert place in address or place in unescape(ended["html"])
    for html in (shown, beside):
        (marked,) = re.findall(r'<mark id="passage">(.*?)</mark>', html, re.S)
        assert unescape(marked) == citation.text
    assert address.endswith("#passage")
    assert (shown.count('<rect x="'), beside.count('<rect x="')) == ((1, 1) if name.endswith(".pdf") else (0, 0))
