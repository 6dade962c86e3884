from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.extraction.layout import clean, join_lines

FULL = "This line of text is as wide as the page lets it be and"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (f"{FULL}\ngoes on here.", f"{FULL} goes on here."),
        (f"{FULL}\r\ngoes on here.", f"{FULL} goes on here."),
        (f"A title\n{FULL}\ngoes on.", f"A title\n{FULL} goes on."),
        (f"{FULL}\n- an item\n- another", f"{FULL}\n- an item\n- another"),
        ("Short lines\nof a poem", "Short lines\nof a poem"),
        (f"{FULL}\n\nA new paragraph.", f"{FULL}\n\nA new paragraph."),
        (
            "数据库的备份必须每天进行一次检查，并且保存在\n另一台机器上。",
            "数据库的备份必须每天进行一次检查，并且保存在另一台机器上。",
        ),
        ("数 据 库", "数据库"),
        ("data 数据 base", "data 数据 base"),
        ("hyphen\ufffe\nated words", "hyphenated words"),
        ("trailing  \nblanks\t", "trailing\nblanks"),
        ("a\x00b\x07c", "abc"),
        ("one\n\n\n\n\ntwo", "one\n\ntwo"),
    ],
)
def test_lines_of_paper_become_running_text(raw: str, text: str) -> None:
    assert join_lines(raw).text == text


def test_text_whose_lines_mean_something_keeps_them() -> None:
    assert clean(f"{FULL}\r\n{FULL}  \n") == f"{FULL}\n{FULL}\n"


@given(st.text(alphabet="ab 数据\n\r-.。\ufffe\t", max_size=80))
def test_every_character_leads_back_to_where_it_came_from(raw: str) -> None:
    joined = join_lines(raw)

    for offset, character in enumerate(joined.text):
        if character not in " \n":
            assert raw[joined.origin(offset)] == character
