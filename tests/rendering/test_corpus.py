"""The corpus: each `corpus/<name>.md` must render to exactly `corpus/<name>.html`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rendering.test_incremental import assert_every_prefix_is_right
from webui.rendering import IncrementalRenderer, render_markdown

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.md"))
CITATIONS = {1, 2, 3}
HAVE_DEFINITIONS = {"footnotes", "links"}


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_text_of_the_corpus_renders_as_expected(path: Path) -> None:
    expected = path.with_suffix(".html").read_text()

    assert render_markdown(path.read_text(), citations=CITATIONS) == expected


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_text_of_the_corpus_ends_the_same_when_it_arrives_in_pieces(path: Path) -> None:
    text = path.read_text()
    renderer = IncrementalRenderer(citations=CITATIONS)
    blocks = ""
    for position in range(0, len(text), 13):
        renderer.feed(text[position : position + 13])
        blocks += "".join(renderer.take().finished_blocks)

    last = renderer.finish()

    blocks += "".join(last.finished_blocks)
    assert (blocks if last.whole is None else last.whole) == path.with_suffix(".html").read_text()


@pytest.mark.parametrize("path", [path for path in CORPUS if path.stem not in HAVE_DEFINITIONS], ids=lambda p: p.stem)
def test_a_text_of_the_corpus_is_right_at_every_step_on_the_way(path: Path) -> None:
    assert_every_prefix_is_right(path.read_text(), step=7)
