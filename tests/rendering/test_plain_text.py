"""An answer as text without marks: what is read stays, in an order that can be read."""

from __future__ import annotations

import pytest

from webui.rendering import plain_text
from webui.rendering.limits import MAX_TEXT_CHARS

CASES = {
    "emphasis goes": ("A **bold** and *soft* ~~gone~~ `word`", "A bold and soft gone word"),
    "headings are lines": ("# One\n\ntext\n\n### Two", "One\n\ntext\n\nTwo"),
    "line breaks stay": ("a\nb  \nc", "a\nb\nc"),
    "bullets": ("* a\n* b", "- a\n- b"),
    "numbers go on where they did": ("3. a\n4. b", "3. a\n4. b"),
    "numbers with brackets": ("1) a\n2) b", "1) a\n2) b"),
    "lists in lists": ("1. a\n   - b\n     more\n2. c", "1. a\n   - b\n     more\n2. c"),
    "loose lists": ("- a\n\n  b\n- c", "- a\n\n  b\n\n- c"),
    "tasks": ("- [x] done\n- [ ] open", "[x] done\n[ ] open"),
    "quotes": ("> a\n>\n> b", "> a\n>\n> b"),
    "code is as it was written": ("```py\ndef f():\n\n    return '*a*'\n```", "def f():\n\n    return '*a*'"),
    "code in a list": ("- a\n  ```\n  x\n  ```", "- a\n  x"),
    "formulas are TeX": ("So $x^2$ is\n\n$$\n\\frac{a}{b}\n$$", "So x^2 is\n\n\\frac{a}{b}"),
    "other formulas": ("\\(a_1\\) and \\[ b \\]", "a_1 and b"),
    "prices are none": ("$5 and $6", "$5 and $6"),
    "tables part their cells with tabs": (
        "| a | b |\n|---|--:|\n| *1* | 2\\|3 |\n| | 4 |",
        "a\tb\n1\t2|3\n\t4",
    ),
    "links say where they go": ("[here](https://a.example/b)", "here (https://a.example/b)"),
    "addresses stand once": ("https://a.example and <me@a.example>", "https://a.example and me@a.example"),
    "links that lead nowhere are their label": ("[x](javascript:alert(1))", "x"),
    "images": ("![a *cat*](https://a.example/c.png)", "a cat (https://a.example/c.png)"),
    "footnotes": ("a[^x] b[^y]\n\n[^x]: one\n[^y]: two", "a¹ b²\n\n¹ one\n\n² two"),
    "lines between": ("a\n\n---\n\nb", "a\n\n* * *\n\nb"),
    "escapes": ("\\*a\\* &amp; b", "*a* & b"),
    "markup is text": ("<b>a</b>", "<b>a</b>"),
    "chinese": ("**你好**，世界", "你好，世界"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_marks_go_and_words_stay(case: str) -> None:
    text, plain = CASES[case]

    assert plain_text(text) == plain


def test_citations_keep_their_numbers_whether_known_or_not() -> None:
    assert plain_text("It is so [1], and so [2].", citations=[1]) == "It is so [1], and so [2]."


def test_what_is_too_long_to_be_read_comes_as_it_is() -> None:
    text = "*a*" * MAX_TEXT_CHARS

    assert plain_text(text) == text
