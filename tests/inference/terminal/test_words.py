from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from inference.terminal.words import duration_in_words, moment_in_words, size_in_words, span_in_words

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (365_400, "365 KB"), (2_019_393_189, "2.0 GB"),
        (39_969_745_349, "40 GB"), (1_500_000_000_000, "1.5 TB"),
    ],
)  # fmt: skip
def test_sizes(n_bytes: int, words: str) -> None:
    assert size_in_words(n_bytes) == words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(), "Less than a second"), (timedelta(seconds=1), "1 second"), (timedelta(seconds=59), "59 seconds"),
        (timedelta(minutes=1, seconds=59), "About a minute"), (timedelta(minutes=59), "59 minutes"),
        (timedelta(minutes=90), "About an hour"), (timedelta(hours=47), "47 hours"), (timedelta(days=2), "2 days"),
        (timedelta(days=14), "2 weeks"), (timedelta(days=60), "2 months"), (timedelta(days=800), "2 years"),
    ],
)  # fmt: skip
def test_spans(span: timedelta, words: str) -> None:
    assert span_in_words(span) == words


def test_moments_lie_on_either_side_of_now() -> None:
    assert moment_in_words(NOW - timedelta(days=21), now=NOW) == "3 weeks ago"
    assert moment_in_words(NOW + timedelta(minutes=4), now=NOW) == "4 minutes from now"
    assert moment_in_words(NOW + timedelta(days=290 * 365), now=NOW) == "Forever"
    assert moment_in_words(None, never="Forever") == "Forever"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"), (0.0000123, "12.3µs"), (0.1074, "107.4ms"), (0.9999, "999.9ms"), (4.535599, "4.536s"), (60, "1m0s"),
        (62.5, "1m2.5s"), (3661, "1h1m1s"), (59.9999, "1m0s"),
    ],
)  # fmt: skip
def test_durations(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words
