from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.chunking import N_OVERLAP_TOKENS, N_TOKENS, chunk_spans, estimate_tokens

ENGLISH = " ".join(f"Sentence number {n} says something about the harbour." for n in range(200))
CHINESE = "".join(f"第{n}句话讲的是港口的历史。" for n in range(300))


@pytest.mark.parametrize("text", [ENGLISH, CHINESE, "x" * 9000, "数" * 3000])
def test_no_chunk_is_larger_than_the_embedder_reads(text: str) -> None:
    assert all(estimate_tokens(text[span.start : span.end]) <= N_TOKENS for span in chunk_spans(text))


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_chunks_begin_and_end_with_sentences(text: str) -> None:
    for span in chunk_spans(text):
        assert text[span.end - 1] in ".。"
        assert text[span.start] in "S第"


def test_neighbours_overlap_a_little() -> None:
    for left, right in pairwise(chunk_spans(ENGLISH)):
        assert 0 < estimate_tokens(ENGLISH[right.start : left.end]) <= N_OVERLAP_TOKENS


def test_a_chunk_lies_on_one_page() -> None:
    pages = ["First page.", "", "Third page, which says more."]
    text = "\n".join(pages)
    spans = [(0, 11), (12, 12), (13, 41)]

    chunks = chunk_spans(text, spans)

    assert [(text[c.start : c.end], c.page) for c in chunks] == [(pages[0], 1), (pages[2], 3)]


def test_a_text_without_anything_has_no_chunks() -> None:
    assert chunk_spans(" \n\t ") == []


@given(st.text(alphabet="ab. 数。\n!", max_size=3000))
def test_chunks_cover_everything_but_blanks_in_order(text: str) -> None:
    spans = chunk_spans(text)

    covered = set()
    for span in spans:
        assert text[span.start : span.end].strip() == text[span.start : span.end] != ""
        covered.update(range(span.start, span.end))
    assert all(character.isspace() for offset, character in enumerate(text) if offset not in covered)
    assert [span.start for span in spans] == sorted(span.start for span in spans)
