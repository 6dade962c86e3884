"""Whose turn it is, and when: people share a server evenly, however much each of them asks. No I/O."""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from inference.runner.types import IDLE_PATIENCE_S
from inference.types import Priority

MAX_REMEMBERED = 4096
NEW_SHARE = 0.3
"""How much the last answer counts against what was learned from those before."""


class Claim(Protocol):
    """A request that waits. Requests with one `asked_by` are one person's; those without one share the empty key."""

    asked_by: str
    priority: Priority
    taken_at: float


ClaimT = TypeVar("ClaimT", bound=Claim)


class Turns:
    """Remembers who is served, and who was served last.

    The first request of each person goes before the second of any: with one slot they take turns, and whoever comes
    anew waits for no more than the answers that are running.
    """

    def __init__(self) -> None:
        self._n_running: Counter[str] = Counter()
        self._served: OrderedDict[str, None] = OrderedDict()

    def began(self, asked_by: str) -> None:
        self._n_running[asked_by] += 1
        self._served[asked_by] = None
        self._served.move_to_end(asked_by)
        if len(self._served) > MAX_REMEMBERED:
            self._served.popitem(last=False)

    def ended(self, asked_by: str) -> None:
        self._n_running[asked_by] -= 1
        if self._n_running[asked_by] <= 0:
            del self._n_running[asked_by]

    def ordered(self, waiting: Iterable[ClaimT], now: float) -> list[ClaimT]:
        """Return the requests, given in the order they came, in the order they are to be served."""
        last_served = {asked_by: place for place, asked_by in enumerate(self._served, start=1)}
        n_before: defaultdict[tuple[bool, str], int] = defaultdict(int)
        ranked = []
        for place, claim in enumerate(waiting):
            is_idle = claim.priority == "idle" and now - claim.taken_at < IDLE_PATIENCE_S
            rank = self._n_running[claim.asked_by] + n_before[is_idle, claim.asked_by]
            n_before[is_idle, claim.asked_by] += 1
            ranked.append(((is_idle, rank, last_served.get(claim.asked_by, 0), place), claim))
        return [claim for _, claim in sorted(ranked, key=lambda pair: pair[0])]


class AnswerTimes:
    """How long the answers of each model took on this machine, in seconds."""

    def __init__(self) -> None:
        self._usual_s: dict[str, float] = {}

    def learn(self, model: str, took_s: float) -> None:
        before = self._usual_s.get(model, took_s)
        self._usual_s[model] = (1 - NEW_SHARE) * before + NEW_SHARE * took_s

    def expected_s(self, model: str, *, n_slots: int, running_for_s: Sequence[float], n_before: int) -> float | None:
        """Return when a request gets a slot, with so many before it in the queue; None before the first answer ended.

        Args:
            running_for_s: For each request that has a slot, since when.
        """
        usual_s = self._usual_s.get(model)
        if usual_s is None:
            return None
        ends = [max(0.0, usual_s - for_s) for for_s in running_for_s]
        ends += [0.0] * (n_slots - len(ends))
        heapq.heapify(ends)
        for _ in range(n_before):
            heapq.heapreplace(ends, ends[0] + usual_s)
        return ends[0]
