from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation.measures import CUTS, Span, compare, is_same_place, measure, rank_of

Ranks = list[int | None]
some_ranks = st.lists(st.one_of(st.none(), st.integers(min_value=1, max_value=20)), max_size=30)
spans = st.builds(
    lambda document, start, length: Span(document_id=document, start=start, end=start + length),
    st.integers(1, 3), st.integers(0, 50), st.integers(1, 30),
)  # fmt: skip


@pytest.mark.parametrize(
    ("ranks", "recall", "mrr"),
    [
        ([], {1: 0, 3: 0, 5: 0, 10: 0}, 0),
        ([1], {1: 1, 3: 1, 5: 1, 10: 1}, 1),
        ([None], {1: 0, 3: 0, 5: 0, 10: 0}, 0),
        # (1 + 1/2 + 1/4 + 0) / 4
        ([1, 2, 4, None], {1: 0.25, 3: 0.5, 5: 0.75, 10: 0.75}, 0.4375),
        # (1/3 + 1/10 + 1/11 + 1/5 + 0) / 5
        ([3, 10, 11, 5, None], {1: 0, 3: 0.2, 5: 0.4, 10: 0.6}, (1 / 3 + 0.1 + 1 / 11 + 0.2) / 5),
    ],
)
def test_the_figures_are_those_calculated_by_hand(ranks: Ranks, recall: dict[int, float], mrr: float) -> None:
    measures = measure(ranks)

    assert measures.recall == pytest.approx(recall)
    assert measures.mrr == pytest.approx(mrr)
    assert measures.n_questions == len(ranks)


@given(some_ranks)
def test_recall_never_falls_with_k_and_bounds_the_mean_reciprocal_rank(ranks: Ranks) -> None:
    measures = measure(ranks, cuts=(*CUTS, 20))
    recall = list(measures.recall.values())

    assert recall == sorted(recall)
    assert all(0 <= share <= 1 for share in recall)
    assert recall[0] <= measures.mrr + 1e-9
    assert measures.mrr <= recall[-1] + 1e-9


@given(some_ranks, st.randoms())
def test_the_order_of_questions_does_not_matter(ranks: Ranks, random: object) -> None:
    shuffled = sorted(ranks, key=lambda _: random.random())  # type: ignore[attr-defined]

    assert measure(shuffled).recall == measure(ranks).recall
    assert measure(shuffled).mrr == pytest.approx(measure(ranks).mrr)


@pytest.mark.parametrize(
    ("expected", "passage", "is_same"),
    [
        (Span(document_id=1), Span(document_id=1, start=5, end=9), True),
        (Span(document_id=1), Span(document_id=2, start=5, end=9), False),
        (Span(document_id=1, start=10, end=20), Span(document_id=1, start=0, end=100), True),
        (Span(document_id=1, start=0, end=100), Span(document_id=1, start=90, end=100), True),
        (Span(document_id=1, start=10, end=20), Span(document_id=1, start=15, end=40), True),
        (Span(document_id=1, start=10, end=20), Span(document_id=1, start=16, end=40), False),
        (Span(document_id=1, start=10, end=20), Span(document_id=1, start=20, end=40), False),
        (Span(document_id=1, start=10, end=20), Span(document_id=2, start=10, end=20), False),
    ],
)
def test_a_passage_is_the_expected_one_from_half_of_the_shorter_on(
    expected: Span, passage: Span, is_same: bool
) -> None:
    assert is_same_place(expected, passage) is is_same


@given(spans, spans)
def test_a_place_is_the_same_from_both_sides_and_as_itself(a: Span, b: Span) -> None:
    assert is_same_place(a, a)
    assert is_same_place(a, b) == is_same_place(b, a)


def test_the_rank_is_that_of_the_first_passage_that_fits() -> None:
    expected = Span(document_id=1, start=10, end=20)
    other, fitting = Span(document_id=2, start=10, end=20), Span(document_id=1, start=5, end=30)

    assert rank_of(expected, [other, fitting, fitting]) == 2
    assert rank_of(expected, [other]) is None
    assert rank_of(expected, []) is None


def test_two_runs_differ_in_what_was_found_and_what_was_lost() -> None:
    changes = compare({1: None, 2: 3, 3: 1, 4: None, 5: 1}, {1: 2, 2: None, 3: 5, 4: None, 6: 1})

    assert (changes.found, changes.lost) == ((1,), (2,))


@given(st.dictionaries(st.integers(0, 9), st.one_of(st.none(), st.integers(1, 9))))
def test_a_run_does_not_differ_from_itself(ranks: dict[int, int | None]) -> None:
    changes = compare(ranks, ranks)

    assert (changes.found, changes.lost) == ((), ())
