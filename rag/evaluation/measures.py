"""How well a search did, as figures. Pure: no Django, no I/O.

A rank counts from 1, in the order in which passages go to a model; None: what was expected is not among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

CUTS = (1, 3, 5, 10)
# A passage counts as the expected one from this share of the shorter of both on: chunks are cut where they are cut.
MIN_SHARED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a document's text; without `end`, all of it."""

    document_id: int
    start: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """recall: share of questions whose passage is among the first k, by k. mrr: mean of 1 / rank. All 0 to 1."""

    n_questions: int
    recall: Mapping[int, float]
    mrr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Questions, by id, that are found now and were not before, and the other way round."""

    found: tuple[int, ...]
    lost: tuple[int, ...]


def measure(ranks: Sequence[int | None], cuts: Sequence[int] = CUTS) -> Measures:
    """Return the figures of these questions; all 0 without any."""
    n = max(len(ranks), 1)
    return Measures(
        n_questions=len(ranks),
        recall={k: sum(rank is not None and rank <= k for rank in ranks) / n for k in cuts},
        mrr=sum(1 / rank for rank in ranks if rank is not None) / n,
    )


def rank_of(expected: Span, passages: Iterable[Span]) -> int | None:
    """Return the place of the first passage that is what was expected."""
    for rank, passage in enumerate(passages, 1):
        if is_same_place(expected, passage):
            return rank
    return None


def is_same_place(expected: Span, passage: Span) -> bool:
    """Whether a passage is in the expected document, and over enough of the expected stretch of it."""
    if expected.document_id != passage.document_id:
        return False
    if expected.end is None or passage.end is None:
        return True
    shared = min(expected.end, passage.end) - max(expected.start, passage.start)
    shorter = min(expected.end - expected.start, passage.end - passage.start)
    return shared > 0 and shared >= MIN_SHARED * shorter


def compare(before: Mapping[int, int | None], now: Mapping[int, int | None]) -> Changes:
    """Compare two runs, ranks by question; a question that is in one of them alone has not changed."""
    both = [question for question in now if question in before]
    return Changes(
        found=tuple(q for q in both if before[q] is None and now[q] is not None),
        lost=tuple(q for q in both if before[q] is not None and now[q] is None),
    )
