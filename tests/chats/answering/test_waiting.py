"""The sentence that stands where the answer will be while a question waits in its model's queue."""

from __future__ import annotations

import pytest

from webui.chats.answering.waiting import _queue_text


@pytest.mark.parametrize(
    ("position", "expected_s", "words"),
    [
        (0, None, "Waiting: yours is the next question"),
        (1, None, "Waiting: 1 question is before yours"),
        (3, None, "Waiting: 3 questions are before yours"),
        (0, 0.2, "Waiting: yours is the next question, about 1 s"),
        (3, 8.4, "Waiting: 3 questions are before yours, about 8 s"),
        (3, 43.0, "Waiting: 3 questions are before yours, about 45 s"),
        (90, 640.0, "Waiting: 90 questions are before yours, about 11 min"),
    ],
)
def test_the_place_in_the_queue_and_the_time_are_told(position: int, expected_s: float | None, words: str) -> None:
    assert _queue_text(position, expected_s) == words
