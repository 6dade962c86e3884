"""Which of the weighed candidates an answer gets."""

from __future__ import annotations

from collections.abc import Sequence

from rag.retrieval.fusion import Weighed
from rag.types import Outcome

# A passage is kept when its meaning is near, or when most of what the question asks for stands in it.
MIN_DENSE = 0.3
MIN_COVERAGE = 0.55
NEAR_DUPLICATE = 0.85


def select(weighed: Sequence[Weighed], limit: int) -> list[tuple[Weighed, Outcome]]:
    """Return the candidates as they came, each with what becomes of it."""
    kept: list[Weighed] = []
    outcomes: list[tuple[Weighed, Outcome]] = []
    for item in weighed:
        outcome = _outcome(item, kept, limit)
        if outcome == "kept":
            kept.append(item)
        outcomes.append((item, outcome))
    return outcomes


def _outcome(item: Weighed, kept: Sequence[Weighed], limit: int) -> Outcome:
    if item.meaning < MIN_DENSE and item.coverage < MIN_COVERAGE:
        return "below cut-off"
    if len(kept) >= limit:
        return "beyond limit"
    if any(_overlap(_terms(item), _terms(other)) >= NEAR_DUPLICATE for other in kept):
        return "near-duplicate"
    return "kept"


def _terms(item: Weighed) -> frozenset[str]:
    return frozenset(item.chunk.terms.split())


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / max(len(a | b), 1)
