from __future__ import annotations

import time

import pytest

from rag.answers.markers import MARKER, may_cite, numbers_of


def marked(text: str, n_passages: int = 3) -> list[list[int]]:
    return [numbers for mark in MARKER.finditer(text) if (numbers := numbers_of(mark, range(1, n_passages + 1)))]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("It was 1902 [2].", [[2]]),
        ("Burned [1][2].", [[1], [2]]),
        ("Both [2, 3], and [1,2] too, and [1; 3].", [[2, 3], [1, 2], [1, 3]]),
        ("All [1-3], or [1–3], or [ 1 ].", [[1, 2, 3], [1, 2, 3], [1]]),
        ("One and the same [1, 1].", [[1]]),
        ("Wide 【1】, 【1, 2】 and ［3］.", [[1], [1, 2], [3]]),
        ("As some write 【2†lighthouse.pdf】 and 【3:source】.", [[2], [3]]),
        (
            "With a word [passage 1], [Passages 1 and 2], [source: 3], [passage 1, passage 2].",
            [[1], [1, 2], [3], [1, 2]],
        ),
        ("In round brackets (passage 1), (Sources 1, 2).", [[1], [1, 2]]),
        ("用中文【1】、［2］、[段落1]、（来源 3）、[1、2]、[1，2]。", [[1], [2], [1], [3], [1, 2], [1, 2]]),
        ("As a footnote without a note [^1].", [[1]]),
    ],
)
def test_the_forms_that_models_write_cite(text: str, numbers: list[list[int]]) -> None:
    assert marked(text) == numbers
    assert may_cite(text)


@pytest.mark.parametrize(
    "text",
    [
        "Made up [7], zero [0], none.",
        "One of them is not there [1, 9] [2-4].",
        "Backwards [3-1].",
        "A list (1), a power ^1, x¹ and a bare Passage 1: no.",
        "escaped \\[1] and a link [1](https://example.com)",
        "A year [2021], a key [a1], a slice [1:2], an interval [0, 1], nothing [].",
        "[1" + "0" * 50 + "]",
        "[^1]: a note",
        "",
    ],
)
def test_what_only_looks_like_it_does_not(text: str) -> None:
    assert marked(text) == []


@pytest.mark.parametrize("piece", ["[1 ", "[1,", "【1", "(passage 1 ", "[1" + " " * 50])
def test_hostile_text_takes_no_time(piece: str) -> None:
    started = time.perf_counter()

    marked(piece * 10_000)

    assert time.perf_counter() - started < 2
