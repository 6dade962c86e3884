"""Lines of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    what: str
    value: float
    unit: str
    goal: float | None = None
    is_more_better: bool = False

    def show(self) -> str:
        """One line of the table; the ratio says how the value stands to its goal, 1.00 and below is reached."""
        ratio = ""
        if self.goal:
            ratio = f"{self.goal / self.value if self.is_more_better and self.value else self.value / self.goal:.2f}"
        goal = "" if self.goal is None else f"{'>=' if self.is_more_better else '<'} {self.goal:g}"
        return f"| {self.what:<58} | {self.value:>10.2f} {self.unit:<5} | {goal:>8} | {ratio:>6} |"


def show(rows: Sequence[Row]) -> str:
    return "\n".join([
        f"| {'measured':<58} | {'value':>16} | {'goal':>8} | {'ratio':>6} |",
        f"| {'-' * 58} | {'-' * 16} | {'-' * 8} | {'-' * 6} |",
        *(row.show() for row in rows),
    ])  # fmt: skip


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile of sorted values."""
    return values[min(len(values) - 1, int(len(values) * percent / 100))] if values else 0.0
