"""Learn how long the steps of a decode loop take. No I/O."""

from __future__ import annotations

MANY_ROWS = 32
"""From here on the time of a step grows with its rows; below, it is mostly the time to read the weights once."""

NEW_SHARE = 0.3
"""How much the last step counts against what was learned before."""


class Pace:
    """What the steps of one model took on this machine. Times are seconds."""

    def __init__(self) -> None:
        self._row_s: float | None = None
        self._least_s: float | None = None

    def learn(self, n_rows: int, took_s: float) -> None:
        """Take in what a step of so many rows took."""
        if n_rows < MANY_ROWS:
            self._least_s = _mixed(self._least_s, took_s)
        else:
            self._row_s = _mixed(self._row_s, took_s / n_rows)

    def may_exceed(self, n_rows: int, limit_s: float) -> bool:
        """Return whether a step of so many rows may take longer than that; a kind never seen may."""
        if n_rows < MANY_ROWS:
            return self._least_s is None or self._least_s > limit_s
        return self._row_s is None or n_rows * self._row_s > limit_s

    def rows_within(self, limit_s: float) -> int | None:
        """Return how many rows a step of that length holds; None when nothing is known yet."""
        return None if self._row_s is None else int(limit_s / self._row_s)


def _mixed(before: float | None, now: float) -> float:
    return now if before is None else (1 - NEW_SHARE) * before + NEW_SHARE * now
