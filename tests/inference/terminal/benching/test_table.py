from __future__ import annotations

import io

import pytest
from rich.console import Console

from inference.terminal.benching.measurements import Figure, Texts, _longest_gap_s, _percentile
from inference.terminal.benching.table import comparison, medians, ratio, scaling
from inference.terminal.benching.targets import Timed


def rate(n_users: int, value: float) -> Figure:
    name = f"{n_users} user{'s' if n_users > 1 else ''}: tokens a second"
    return Figure(name=name, value=value, unit="/s", is_more_better=True)


def test_the_median_of_the_rounds_counts() -> None:
    assert medians({"row": [rate(1, 3), rate(1, 1), rate(1, 90)]})["row"].value == 3


def test_what_more_users_bring_is_told_in_a_sentence() -> None:
    runs = {figure.name: [figure] for figure in (rate(1, 18.0), rate(4, 47.0))}

    assert scaling(runs) == "1 user 18.0 /s, 4 users 47.0 /s: 2.6 times as much"
    assert scaling(dict([runs.popitem()])) == ""


def test_a_peer_has_a_column_and_a_ratio() -> None:
    ours, theirs = {"row": [rate(1, 75.0)]}, {"row": [rate(1, 50.0)]}
    out = io.StringIO()

    Console(file=out, width=120).print(comparison(["here", "there"], [ours, theirs]))

    head, row = (line.split() for line in out.getvalue().splitlines())
    assert head == ["measured", "here", "there", "ratio"]
    assert row == ["row", "75.0", "/s", "50.0", "/s", "1.50"]


@pytest.mark.parametrize("theirs", [None, rate(1, 0.0)])
def test_without_a_value_there_is_no_ratio(theirs: Figure | None) -> None:
    assert ratio(rate(1, 2.0), theirs) == ""


def test_the_longest_gap_is_looked_for_while_the_long_prompt_was_there() -> None:
    answer = Timed(0.0, pieces_at=[1.0, 5.0, 5.5, 8.0, 20.0])

    assert _longest_gap_s(answer, 5.2, 7.0) == 2.5
    assert _longest_gap_s(answer, 30.0, 40.0) == 0.0


def test_percentiles_of_sorted_values() -> None:
    assert (_percentile([1.0, 2.0, 3.0, 4.0], 95), _percentile([], 95)) == (4.0, 0.0)


def test_prompts_have_the_length_that_was_asked_for_and_never_repeat() -> None:
    texts = Texts(seed=1)
    texts.calibrate(n_words=100, n_tokens=250)

    first, second = texts.tokens(500), texts.tokens(500)

    assert len(first.split()) == len(second.split()) == 200
    assert first != second
