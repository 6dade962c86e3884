from __future__ import annotations

import pytest

from webui.ui.moments import duration_in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (0.4, "0 s"), (59, "59 s"), (60, "1 min"), (150, "2 min"), (3599, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_a_duration_is_told_as_exactly_as_it_is_of_use(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words
