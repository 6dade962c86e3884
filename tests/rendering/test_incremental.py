"""What is on the page while an answer is written must be what the whole answer would render to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webui.rendering import IncrementalRenderer, render_markdown

CITATIONS = {1, 2}

FRAGMENTS = [
    "word ", "**bold** ", "*", "_", "`code` ", "`", "~~", "\n", "\n\n", "\n\n\n", "# ", "## Title\n", "#",
    "- ", "- item\n", "* item\n", "+ ", "1. ", "2) two\n", "1", ".", ")", "    ", "  ", "\t", "> ",
    "> quote\n", ">> ", "---\n", "===\n", "--", "=", "```\n", "```python\n", "~~~\n", "def f(): pass\n",
    "| a | b |\n", "|---|---|\n", "| 1 | 2 |\n", "|", "$", "$$", "$$\n", "x^2", "\\[", "\\]", "\\[\n",
    "\\]\n", "\\(", "\\)", "\\", "[1]", "[2, 1]", "[x](https://example.com)", "[", "](", "![a](b)",
    "https://example.com/a", "- [ ] todo\n", "- [x] ", "<b>", "&amp;", "&", "中文。", "**注意：**", "\r\n",
    "\r", "\\frac{a}{b}", "a\n- b\n\n- c\n", "- a\n\n  b\n", "1. a\n   - b\n", "text\n$$\nx\n$$\n",
    "- $$\n  x\n  $$\n", "\x00", "\x0c", "\u2028",
]  # fmt: skip
DEFINITIONS = ["[foo]", "[foo]: https://example.org\n", "[foo]: /url\n'title", "[^n]", "[^n]: note\n", "'\n"]

markdown_texts = st.lists(st.sampled_from(FRAGMENTS), max_size=24).map("".join)
texts_with_definitions = st.lists(st.sampled_from(FRAGMENTS + DEFINITIONS), max_size=24).map("".join)

HANDPICKED = {
    "loose list": "- a\n- b\n\n- c\n\nend\n",
    "list, then text": "1. a\n2. b\n\nafter\n\n3. c\n",
    "nested list": "- a\n  - b\n\n    still b\n- c\n\n\nnew\n",
    "heading under text": "a\nb\n===\n\nc\n---\nd",
    "hash that becomes a word": "para\n#\n#tag\n# Heading\n##two",
    "number that becomes a list": "para\n1\n1.\n1. item\n\n2. item\n",
    "table": "before\n| a | b |\n|---|---|\n| 1 | 2 |\n\nafter\n| not a table\n",
    "open fence": "before\n\n```python\nx = 1\n\n\ny = 2\n```\nafter\n",
    "fence in a list": "- a\n\n  ```js\n  x\n\n  y\n  ```\n- b\n",
    "formula block": "so\n$$\nx = 1\n$$\nand\n\n$$\n\ny\n\n$$ no\n",
    "formula left open": "so\n\n$$\n# not a heading\n\nparagraph\n\n$$\nz\n$$\n",
    "quote": "> a\nb\n\n> c\n>\n> - d\n\ne\n",
    "definition first": "[foo]: https://example.org 'title'\n\n[foo] and [1]\n\nend\n",
    "windows lines": "a\r\nb\r\n\r\n- c\r\n- d\r\rend",
    "windows line, then unix line": "a\r\n\nb",
    "indented code": "a\n\n    code\n\n    more\n\nb\n",
}


def assert_every_prefix_is_right(text: str, *, step: int = 1) -> None:
    renderer = IncrementalRenderer(citations=CITATIONS)
    blocks = ""
    for position in range(0, len(text), step):
        renderer.feed(text[position : position + step])
        update = renderer.take()
        blocks += "".join(update.finished_blocks)
        assert blocks + update.tail == render_markdown(text[: position + step], citations=CITATIONS)
    update = renderer.finish()
    blocks += "".join(update.finished_blocks)
    assert update.tail == ""
    shown = blocks if update.whole is None else update.whole
    assert shown == render_markdown(text, citations=CITATIONS)


@pytest.mark.parametrize("text", HANDPICKED.values(), ids=HANDPICKED.keys())
def test_blocks_and_tail_are_the_rendered_text_at_every_position(text: str) -> None:
    assert_every_prefix_is_right(text)


@settings(max_examples=150, deadline=None)
@given(text=markdown_texts, step=st.integers(min_value=1, max_value=9))
def test_any_markdown_in_pieces_of_any_size_renders_as_the_whole_does(text: str, step: int) -> None:
    assert_every_prefix_is_right(text, step=step)


@settings(max_examples=150, deadline=None)
@given(text=texts_with_definitions, step=st.integers(min_value=1, max_value=9))
def test_the_end_is_right_also_where_a_definition_follows_its_use(text: str, step: int) -> None:
    renderer = IncrementalRenderer()
    blocks = ""
    for position in range(0, len(text), step):
        renderer.feed(text[position : position + step])
        blocks += "".join(renderer.take().finished_blocks)

    last = renderer.finish()

    blocks += "".join(last.finished_blocks)
    assert (blocks if last.whole is None else last.whole) == render_markdown(text)
