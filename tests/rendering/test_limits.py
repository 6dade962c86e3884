"""Hostile sizes: bounded work, nothing lost. Work is counted, not timed, so that a busy machine changes no result."""

from __future__ import annotations

import cProfile
from collections.abc import Callable

import pytest

from tests.rendering.html import read
from webui.rendering import IncrementalRenderer, limits, render_markdown, render_plain

PATHOLOGICAL: dict[str, Callable[[int], str]] = {
    "nested strong": lambda n: "*a **a " * (n // 7),
    "emphasis closers": lambda n: "a_ " * (n // 3),
    "emphasis openers": lambda n: "_a " * (n // 3),
    "mismatched emphasis": lambda n: "a**b" + "c* " * (n // 3),
    "open brackets": lambda n: "[" * n,
    "nested brackets": lambda n: "[" * (n // 2) + "a" + "]" * (n // 2),
    "open links": lambda n: "[a](" * (n // 4),
    "open images": lambda n: "![" * (n // 2),
    "backtick runs": lambda n: "".join("e" + "`" * i for i in range(int((2 * n) ** 0.5))),
    "dollars": lambda n: "$a " * (n // 3),
    "escaped dollars": lambda n: "$" + "\\$" * (n // 2),
    "double dollars": lambda n: "$$a " * (n // 4),
    "open formulas": lambda n: "\\(a " * (n // 4),
    "citations": lambda n: "[1 " * (n // 3),
    "footnotes": lambda n: "[^a " * (n // 4),
    "addresses": lambda n: "(http://a.b" * (n // 11),
    "closing brackets after an address": lambda n: "http://a/" + ")" * n,
    "cjk emphasis": lambda n: "中**" * (n // 3),
    "quotes": lambda n: ">" * n + "a",
    "lists on a line": lambda n: "- " * (n // 2) + "a",
    "lists by indentation": lambda n: "".join("  " * i + "- a\n" for i in range(int(n**0.5))),
    "growing quotes": lambda n: "".join(">" * i + "a\n" for i in range(int((2 * n) ** 0.5))),
    "setext": lambda n: "a\n" * (n // 2) + "===",
    "fences": lambda n: "```\n" * (n // 4),
    "open block formula": lambda n: "$$\n" + "a\n" * (n // 2),
    "definitions": lambda n: "[a]: u\n" * (n // 7),
    "entities": lambda n: "&" * n,
    "tags": lambda n: "<a href=" * (n // 8),
}


def work(text: str) -> int:
    """Count the calls of functions, those in C included: a measure of work that no other process disturbs."""
    profile = cProfile.Profile()
    profile.enable()
    try:
        render_markdown(text, citations={1})
    finally:
        profile.disable()
    return sum(entry.callcount for entry in profile.getstats())


@pytest.mark.parametrize("make", PATHOLOGICAL.values(), ids=PATHOLOGICAL.keys())
def test_work_grows_with_the_text_and_not_with_its_square(make: Callable[[int], str]) -> None:
    work(make(100))  # fills caches

    small, large = work(make(1_000)), work(make(3_000))

    assert large < 5 * small + 20_000


@pytest.mark.parametrize("make", PATHOLOGICAL.values(), ids=PATHOLOGICAL.keys())
def test_no_pathological_text_takes_more_than_a_bounded_amount_of_work(make: Callable[[int], str]) -> None:
    text = make(40_000)

    assert work(text) < 6_000_000


def test_as_many_images_as_are_rendered_at_all_take_a_bounded_amount_of_work() -> None:
    most = limits.MAX_TEXT_BRACKETS // limits.IMAGE_WEIGHT

    assert work("![" * most) < 6_000_000
    assert "<p>" not in render_markdown("![" * (most + 1))


def test_images_are_counted_also_where_a_piece_ends_within_their_beginning() -> None:
    text = "a![b![[!"
    whole = limits.TextSize()
    whole.add(text)

    for at in range(len(text) + 1):
        parts = limits.TextSize()
        for piece in (text[:at], "", text[at:]):
            parts.add(piece)
        assert parts.brackets == whole.brackets == 3 + 2 * (limits.IMAGE_WEIGHT - 1)


def test_a_wide_table_is_shown_as_text_with_a_note() -> None:
    source = "\n".join("|" + cell * 2000 for cell in ("a|", "-|", "b|"))

    html = render_markdown(f"before\n\n{source}\n\nafter")

    page = read(html)
    assert not page.all("table")
    assert "too large to lay out" in page.text
    assert source in page.text
    assert "<p>before</p>" in html
    assert "<p>after</p>" in html


def test_a_very_long_text_is_shown_as_it_is() -> None:
    text = "*a* " * (limits.MAX_TEXT_CHARS // 4 + 1)

    html = render_markdown(text)

    assert "<em>" not in html
    assert text.strip() in read(html).text


def test_a_very_long_paragraph_loses_its_marks_and_nothing_else() -> None:
    paragraph = "*word* " * (limits.MAX_INLINE_CHARS // 7 + 1)

    html = render_markdown(f"{paragraph}\n\n*short*")

    assert paragraph.strip() in html
    assert "<em>short</em>" in html


def test_what_is_nested_too_deep_is_shown_as_text() -> None:
    page = read(render_markdown(">" * 200 + " the innermost"))

    assert len(page.all("blockquote")) <= limits.MAX_BLOCK_NESTING
    assert "the innermost" in page.text


def test_an_answer_that_grows_too_long_ends_as_the_whole_does() -> None:
    renderer = IncrementalRenderer()
    text = "*word* and more\n\n" * (limits.MAX_TEXT_CHARS // 17 + 2)
    half = len(text) // 2
    renderer.feed(text[:half])
    renderer.take()
    renderer.feed(text[half:])

    last = renderer.finish()

    assert last.whole == render_markdown(text)


def test_plain_text_is_never_markup() -> None:
    text = '**a** <b>c</b>\n  $x$ & "d"'

    page = read(render_plain(text))

    assert [tag for tag, _attributes in page.elements] == ["div"]
    assert page.text == text
