from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from webui.ui.moments import moment_in_words

NOW = datetime(2026, 3, 15, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=-30), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=17), "17 hours ago"),
        (timedelta(hours=19), "yesterday"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=6), "6 days ago"),
        (timedelta(days=14), "March 1, 2026"),
    ],
)
def test_a_moment_is_said_in_words(ago: timedelta, words: str) -> None:
    assert moment_in_words(NOW - ago, now=NOW) == words
