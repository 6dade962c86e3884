from __future__ import annotations

import pytest

from inference.runner.pace import MANY_ROWS, Pace


def test_what_was_never_seen_may_take_long() -> None:
    pace = Pace()

    assert pace.may_exceed(1, 0.1)
    assert pace.may_exceed(512, 0.1)
    assert pace.rows_within(0.5) is None


def test_a_large_model_writes_slowly_even_where_it_reads_fast() -> None:
    pace = Pace()
    pace.learn(512, 5.12)
    pace.learn(1, 0.4)

    assert pace.may_exceed(1, 0.1)
    assert not pace.may_exceed(MANY_ROWS, 0.4)


def test_long_prompts_tell_nothing_about_short_steps() -> None:
    pace = Pace()
    pace.learn(1, 0.02)
    pace.learn(512, 5.12)

    assert not pace.may_exceed(1, 0.1)
    assert pace.may_exceed(512, 0.1)


def test_rows_fill_the_time_given() -> None:
    pace = Pace()
    pace.learn(100, 1.0)

    assert pace.rows_within(0.5) == 50


def test_one_slow_step_does_not_decide_alone() -> None:
    pace = Pace()
    for _ in range(20):
        pace.learn(100, 1.0)

    pace.learn(100, 2.0)

    assert pace.rows_within(1.0) == pytest.approx(77, abs=1)
