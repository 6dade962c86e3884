from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.runner.types import IDLE_PATIENCE_S
from inference.server.fairness import MAX_REMEMBERED, AnswerTimes, Turns
from inference.types import Priority


@dataclass
class Request:
    asked_by: str
    priority: Priority = "person"
    taken_at: float = 0.0


def served(turns: Turns, waiting: list[Request], n_slots: int = 1) -> list[str]:
    """Serve everything that waits, each answer ending before the next begins once the slots are taken."""
    order: list[str] = []
    running: list[str] = []
    while waiting:
        if len(running) == n_slots:
            turns.ended(running.pop(0))
        first = turns.ordered(waiting, now=0)[0]
        waiting.remove(first)
        turns.began(first.asked_by)
        running.append(first.asked_by)
        order.append(first.asked_by)
    return order


def test_requests_of_one_person_keep_their_order() -> None:
    waiting = [Request("a", taken_at=at) for at in range(5)]

    assert Turns().ordered(waiting, now=5) == waiting


def test_people_take_turns() -> None:
    waiting = [Request(who) for who in "aaaabbc"]

    assert served(Turns(), waiting) == list("abcabaa")


def test_a_newcomer_goes_before_the_queue_of_somebody_who_is_being_served() -> None:
    turns = Turns()
    turns.began("a")

    order = turns.ordered([*(Request("a") for _ in range(50)), Request("b")], now=0)

    assert order[0].asked_by == "b"


def test_of_two_newcomers_goes_first_who_was_not_served_last() -> None:
    turns = Turns()
    for who in "ab":
        turns.began(who)
        turns.ended(who)

    assert [request.asked_by for request in turns.ordered([Request("b"), Request("a"), Request("c")], now=0)] == list(
        "cab"
    )


@given(
    queues=st.lists(st.integers(1, 50), min_size=2, max_size=6),
    n_slots=st.integers(1, 4),
)
def test_nobody_waits_for_more_than_two_answers_of_one_person(queues: list[int], n_slots: int) -> None:
    waiting = [Request(str(who)) for who, n_requests in enumerate(queues) for _ in range(n_requests)]

    order = served(Turns(), waiting, n_slots)

    for who in range(len(queues)):
        before = order[: order.index(str(who))]
        assert max((before.count(other) for other in before), default=0) <= 1


def test_idle_work_waits_for_all_people() -> None:
    waiting = [Request("a", "idle"), Request("a"), Request("b"), Request("b")]

    assert [(r.asked_by, r.priority) for r in Turns().ordered(waiting, now=1)] == [
        ("a", "person"),
        ("b", "person"),
        ("b", "person"),
        ("a", "idle"),
    ]


def test_idle_work_that_has_waited_long_counts_as_a_person_s() -> None:
    waiting = [Request("a", "idle"), Request("b", taken_at=IDLE_PATIENCE_S)]

    assert Turns().ordered(waiting, now=IDLE_PATIENCE_S)[0].priority == "idle"


def test_what_is_remembered_is_bounded() -> None:
    turns = Turns()
    for number in range(MAX_REMEMBERED + 10):
        turns.began(str(number))
        turns.ended(str(number))

    assert len(turns._served) == MAX_REMEMBERED
    assert not turns._n_running


@pytest.mark.parametrize(
    ("running_for_s", "n_before", "expected"),
    [([], 0, 0.0), ([4.0, 7.0], 0, 3.0), ([4.0, 7.0], 1, 6.0), ([4.0, 7.0], 2, 13.0), ([4.0, 12.0], 0, 0.0)],
)
def test_the_time_until_a_slot_is_free(running_for_s: list[float], n_before: int, expected: float) -> None:
    times = AnswerTimes()
    times.learn("tiny", 10.0)

    assert times.expected_s("tiny", n_slots=2, running_for_s=running_for_s, n_before=n_before) == expected


def test_before_the_first_answer_no_time_is_told() -> None:
    assert AnswerTimes().expected_s("tiny", n_slots=1, running_for_s=[], n_before=3) is None


def test_later_answers_count_more() -> None:
    times = AnswerTimes()
    for took_s in (100.0, *[10.0] * 20):
        times.learn("tiny", took_s)

    expected = times.expected_s("tiny", n_slots=1, running_for_s=[0.0], n_before=0)

    assert expected == pytest.approx(10.0, rel=0.05)
