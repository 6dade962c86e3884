from __future__ import annotations

import pytest

from inference.terminal.waiting import reason
from inference.types import Progress


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(state="loading"), "loading tiny"),
        (Progress(state="queued"), "waiting"),
        (Progress(state="queued", queue_position=0), "next in the queue"),
        (Progress(state="queued", queue_position=3, expected_s=20.5), "3 before you in the queue, 20 seconds to go"),
    ],
)
def test_why_nothing_comes_yet(progress: Progress, words: str) -> None:
    assert reason(progress, "tiny") == words
