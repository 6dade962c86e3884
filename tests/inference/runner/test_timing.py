from __future__ import annotations

import pytest

from inference.runner.timing import N_GAPS_KEPT, AnswerTiming


def test_the_moments_of_an_answer() -> None:
    timing = AnswerTiming(arrived_at=10.0, admitted_at=12.0)
    for at in (15.0, *(15.0 + 0.5 * number for number in range(1, 21)), 30.0):
        timing.token(at)

    assert (timing.queued_s, timing.prompt_s, timing.answer_s) == (2.0, 3.0, 15.0)
    assert (timing.gap_s(50), timing.gap_s(95)) == (0.5, 0.5)
    assert timing.gap_s(100) == 5.0


@pytest.mark.parametrize("tokens_at", [[], [3.0]])
def test_an_answer_of_one_token_has_no_gaps(tokens_at: list[float]) -> None:
    timing = AnswerTiming(arrived_at=1.0, admitted_at=1.0)
    for at in tokens_at:
        timing.token(at)

    assert (timing.answer_s, timing.gap_s(50)) == (0.0, 0.0)


def test_a_very_long_answer_takes_bounded_memory() -> None:
    timing = AnswerTiming(arrived_at=0.0, admitted_at=0.0)
    for number in range(N_GAPS_KEPT + 100):
        timing.token(float(number))

    assert len(timing._gaps_s) == N_GAPS_KEPT
    assert timing.answer_s == N_GAPS_KEPT + 99
