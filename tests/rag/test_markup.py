"""HTML files and EPUB books in the bounded child: their text, its places, and hostile ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from rag.models import Document
from rag.retrieval import retrieve
from rag.types import EPUB, HTML, Problem
from tests.doubles.books import epub_file
from tests.doubles.office_files import repacked
from tests.rag.test_office import extract, places
from webui.accounts.models import User

Upload = Callable[..., Document]

PAGE = """<!DOCTYPE html>
<html><head><title>Skerry Light</title><style>p { color: red }</style></head><body>
<nav><a href="/1987">News of 1987</a></nav>
<script>document.write("secret")</script>
<h1>The <em>lighthouse</em></h1>
<p>It was built
in 1902.<!-- not in 1987 --> It is <b>38</b>&nbsp;metres high.<br>Closed on Mondays.</p>
<h2>Prices</h2>
<table><tr><th>Ticket</th><th>Price</th></tr><tr><td>Adult</td><td>12 €</td></tr></table>
<ul><li>Dogs are <a href="x">welcome</a></li><li><p>No fires</p></li></ul>
<p hidden>A draft.</p>
<h1>备份</h1><p>数据库
每天备份。</p>
<pre>def f():
    return 1</pre>
</body></html>"""


def test_a_page_gives_its_sections_without_scripts_and_menus() -> None:
    found = extract(PAGE.encode(), "page.html")

    assert (found.problem, found.media_type) == (None, HTML)
    assert places(found) == [
        ("The lighthouse", "The lighthouse\nIt was built in 1902. It is 38 metres high.\nClosed on Mondays."),
        (
            "The lighthouse › Prices",
            "Prices\nTicket: Adult | Price: 12 €\n- Dogs are welcome\n- No fires",
        ),
        ("备份", "备份\n数据库每天备份。\ndef f():\n    return 1"),
    ]


AROUND = """<!doctype html><body><header>Site of 1987</header><div role="navigation">Menu of 1987</div>
{}<aside>Also read 1987</aside><footer>Copyright 1987</footer></body>"""
TEXT = "<article><header><h1>Light</h1><p>By Wang</p></header><p>It was built in 1902 and stands there.</p>"
TEXT += "<aside>Once it fell.</aside></article>"


@pytest.mark.parametrize("body", [f"<main>{TEXT}</main>", TEXT, f"<div>Ad<div role='main'>{TEXT}</div></div>"])
def test_what_stands_around_the_text_of_a_page_is_left_out(body: str) -> None:
    found = extract(AROUND.format(body).encode(), "page.html")

    assert found.text == "Light\nBy Wang\nIt was built in 1902 and stands there.\nOnce it fell."


@pytest.mark.parametrize("tag", ["main", "article", "section", "p", "my-element"])
def test_a_page_may_leave_out_its_head_and_body(tag: str) -> None:
    page = f"<!doctype html><meta charset=utf-8><title>News</title><nav>Menu</nav><{tag}>Ninety cars.</{tag}><p>End."

    assert extract(page.encode(), "page.html").text == "News\nNinety cars.\nEnd."


def test_an_empty_main_element_is_not_the_text() -> None:
    found = extract(AROUND.format("<main></main><div>It was built in 1902.</div>").encode(), "page.html")

    assert found.text == "It was built in 1902."


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ('<html><meta charset="gb2312"><p>数据库的备份'.encode("gb18030"), "数据库的备份"),
        ("<html><p>数据库的备份".encode(), "数据库的备份"),
        ("<html><p>数据库的备份".encode("utf-16"), "数据库的备份"),
        ("\ufeff<!doctype html><p>数据库".encode(), "数据库"),
        ('<html><meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>маяк'.encode("cp1251"),
         "маяк"),
        ('<html><meta charset="nonsense"><p>déjà vu'.encode("cp1252"), "déjà vu"),
    ],
)  # fmt: skip
def test_pages_are_read_in_the_encoding_they_have(data: bytes, text: str) -> None:
    assert extract(data, "a.html").text == text


def test_a_page_is_one_whatever_it_is_called() -> None:
    assert extract(PAGE.encode(), "saved.txt").media_type == HTML


def test_a_title_stands_for_a_missing_heading() -> None:
    found = extract(b"<html><title>Tides</title><h2>May</h2><p>Low at six.", "a.html")

    assert places(found) == [("Tides", "Tides"), ("Tides › May", "May\nLow at six.")]


CHAPTERS = [
    ("cover.xhtml", "<p>A cover.</p>"),
    ("one.xhtml", "<h2>I</h2><p>The keeper is S&oslash;ren.</p>"),
    ("one-b.xhtml", "<p>It burnt for years.</p>"),
    ("two.xhtml", "<h1>第二章</h1><p>守塔人叫王海。</p>"),
]
TITLES = {"one.xhtml": "The Lamp is lit"}


def test_a_book_gives_its_chapters_in_reading_order() -> None:
    found = extract(epub_file(CHAPTERS, titles=TITLES), "lamp.epub")

    assert (found.problem, found.media_type) == (None, EPUB)
    assert places(found) == [
        ("The Lamp", "A cover."),
        ("The Lamp is lit", "I\nThe keeper is Søren."),
        ("The Lamp is lit", "It burnt for years."),
        ("第二章", "第二章\n守塔人叫王海。"),
    ]


def encryption(path: str) -> dict[str, str]:
    reference = f'<CipherReference xmlns="http://www.w3.org/2001/04/xmlenc#" URI="{path}"/>'
    return {"META-INF/encryption.xml": f"<encryption>{reference}</encryption>"}


BOMB = (
    '<!DOCTYPE d [<!ENTITY file SYSTEM "file:///etc/hostname"><!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><html><body><p>Before &file; &i; after</p></body></html>"
)


@pytest.mark.parametrize(
    ("data", "name", "problem"),
    [
        (epub_file(CHAPTERS, more=encryption("OEBPS/one.xhtml")), "a.epub", Problem.PASSWORD),
        (epub_file(CHAPTERS, more=encryption("OEBPS/font.otf")), "a.epub", None),
        (epub_file([]), "a.epub", Problem.EMPTY),
        (epub_file(CHAPTERS, more={"OEBPS/padding": "0" * 60_000_000}), "a.epub", Problem.TOO_LARGE),
        (epub_file([("../../etc/passwd", "<p>x</p>")], titles={"no.xhtml": "None"}), "a.epub", Problem.EMPTY),
        (epub_file(CHAPTERS)[:900], "a.epub", Problem.BROKEN),
        (b"<html><body><script>alert(1)</script></body></html>", "a.html", Problem.EMPTY),
        (b"<!doctype html>", "a.html", Problem.EMPTY),
        (b"<html>" + b"<div>" * 200_000 + b"deep", "a.html", Problem.EMPTY),
        (b"<html>" + b"<div>" * 1_000 + b"deep", "a.html", None),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, name: str, problem: Problem | None) -> None:
    assert extract(data, name).problem == problem


def test_entities_of_a_book_are_not_followed() -> None:
    found = extract(repacked(epub_file([("a.xhtml", "")]), {"OEBPS/a.xhtml": BOMB.encode()}), "a.epub")

    assert found.problem in (None, Problem.BROKEN)
    assert len(found.text) < 40


@pytest.mark.parametrize(
    ("data", "name", "question", "place"),
    [
        (PAGE.encode(), "page.html", "When was the lighthouse built?", "section The lighthouse"),
        (epub_file(CHAPTERS, titles=TITLES), "lamp.epub", "守塔人叫什么？", "chapter 第二章"),
    ],
)
def test_a_passage_names_its_section_or_chapter(
    ingested: Upload, alice: User, data: bytes, name: str, question: str, place: str
) -> None:
    document = ingested(alice, data, name)
    found = asyncio.run(retrieve(user_id=alice.pk, question=question, document_ids=[document.pk]))

    assert found.passages[0].place == place
