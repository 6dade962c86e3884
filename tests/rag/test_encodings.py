"""Text in encodings that nobody named, or named wrongly."""

from __future__ import annotations

import time

import pytest

from rag import chunking
from rag.extraction import detect, encodings, layout, markdown, plain, web
from rag.lexical import words
from rag.types import CODE, JSON, PDF, PLAIN

SIMPLIFIED = "灯塔建于一九零二年，由镇上的居民出资建造。"
TRADITIONAL = "燈塔建於一九零二年，由鎮上的居民出資建造。它至今仍在運作。"
JAPANESE = "灯台は1902年に建てられた。町の人々がお金を出した。"
GERMAN = "Der Leuchtturm wurde 1902 für 3 Pfund gebaut. Größe: 30 m, Öffnung täglich."
RUSSIAN = "Маяк был построен в 1902 году жителями города."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (SIMPLIFIED, "gbk"), (SIMPLIFIED, "gb18030"), (TRADITIONAL, "big5"), (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"), (GERMAN, "latin-1"), (GERMAN, "cp1252"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"),
        ("姓名,城市,金額\n張三,臺北,1200\n李四,高雄,1300", "big5"), ("姓名,城市,金额\n张三,上海,1200", "gbk"),
        (GERMAN, "utf-16"), (GERMAN, "utf-16-le"), (GERMAN, "utf-16-be"), (TRADITIONAL, "utf-16"), (GERMAN, "utf-32"),
        (TRADITIONAL, "utf-8"), (GERMAN, "utf-8-sig"),
    ],
)  # fmt: skip
def test_the_encoding_is_found_out(text: str, encoding: str) -> None:
    data = text.encode(encoding)

    assert detect.media_type(data, "notes.txt") == PLAIN
    assert encodings.decode(data) == text


@pytest.mark.parametrize(
    "data",
    [
        SIMPLIFIED.encode() * 20 + b"\xe7\x81", SIMPLIFIED.encode() * 20 + b"\xff" + SIMPLIFIED.encode(),
        SIMPLIFIED.encode("gbk")[:-1], TRADITIONAL.encode("big5")[:-1],
    ],
    ids=["cut off", "a broken byte", "GBK cut off", "Big5 cut off"],
)  # fmt: skip
def test_a_broken_byte_does_not_cost_the_others(data: bytes) -> None:
    assert encodings.decode(data)[:8] in (SIMPLIFIED[:8], TRADITIONAL[:8])


@pytest.mark.parametrize(
    ("name", "encoding", "text"),
    [
        ("gb2312", "gb18030", SIMPLIFIED), ("big5", "big5", TRADITIONAL), ("shift_jis", "cp932", JAPANESE),
        ("iso-8859-1", "cp1252", "Zürich – “quoted” €5"), ("euc-kr", "cp949", "등대는 지어졌다"),
        ("windows-1251", "cp1251", RUSSIAN),
        # What is no encoding of a page, and what Python would take for one.
        ("idna", "cp1252", "café"), ("utf-7", "cp1252", "café +ADw-"), ("utf-16", "cp1252", "café"),
        ("zlib_codec", "cp1252", "café"), ("unicode_escape", "cp1252", "café"), ("nobody", "gbk", SIMPLIFIED),
    ],
)  # fmt: skip
def test_a_page_is_read_as_it_says_unless_that_is_nonsense(name: str, encoding: str, text: str) -> None:
    page = f'<html><head><meta charset="{name}"></head><body><p>{text}</p></body></html>'

    assert web.extract(page.encode(encoding)).text == text


@pytest.mark.parametrize(
    ("data", "name", "media_type"),
    [
        (b"Every PDF begins with %PDF-1.7, as everybody knows.", "notes.md", "text/markdown"),
        (b"# checks for %PDF-\nimport re", "check.py", CODE),
        (b"junk\n%PDF-1.4\n1 0 obj\n", "scan.txt", PDF),
        (b"%PDF-1.4\n1 0 obj\n", "scan.txt", PDF),
        (rb"{\rtf1\ansi Lighthouse}", "old.rtf", detect.BINARY),
        (b"a,b\n" * 100 + b"\0", "a.csv", "text/csv"),
        (bytes(4000), "a.txt", detect.BINARY),
    ],
)
def test_what_a_text_speaks_of_is_not_what_it_is(data: bytes, name: str, media_type: str) -> None:
    assert detect.media_type(data, name) == media_type


def test_what_programs_escape_is_found_as_people_write_it() -> None:
    raw = rb'{"note": "\u706f\u5854 \ud83d\ude00", "path": "C:\\u0041", "quote": "\u0022", "line": "\u000a"}'

    text = plain.extract(raw, JSON).text

    assert text == r'{"note": "灯塔 😀", "path": "C:\\u0041", "quote": "\u0022", "line": "\u000a"}'


def test_colours_of_a_terminal_and_marks_that_reorder_text_are_left_out() -> None:
    assert plain.extract("\x1b[31mERROR\x1b[0m the \u202elamp\u202c is\u200b out".encode(), PLAIN).text == (
        "ERROR the lamp is out"
    )


@pytest.mark.parametrize(
    "text",
    [
        "." * 200_000,
        "a" + " " * 200_000 + "b",
        "word\n" * 200_000,
        "# a" + " " * 200_000 + "b",
        "# " + "[a](" * 100_000,
    ],
    ids=["dots", "blanks", "one paragraph", "a heading of blanks", "half links"],
)
def test_the_time_it_takes_grows_with_the_text_alone(text: str) -> None:
    began = time.process_time()

    layout.join_lines(text)
    markdown.extract(text.encode())
    chunking.chunk_spans(text)
    words.terms(text)

    # With the square of its length, each of these takes minutes.
    assert time.process_time() - began < 8
