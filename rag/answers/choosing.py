"""Which of the statements that match are quoted beside one another."""

from __future__ import annotations

from collections.abc import Sequence

from rag.answers.candidates import Candidate
from rag.answers.weighing import Weighed

MAX_QUOTES = 4
MAX_NEAREST = 2

# Another sentence is quoted too when it comes as close as this share of the best one, or adds so much to it.
_BESIDE_BEST = 0.9
_ADDS = 0.2
_NOT_FAR_BEHIND = 0.5


def choose(ranked: Sequence[Weighed], rarity: dict[str, float]) -> list[Candidate]:
    """Return the best, and those beside it that say as much elsewhere, or more: best first, nothing twice."""
    chosen: list[Candidate] = []
    covered: set[str] = set()
    for item in ranked:
        candidate = item.candidate
        adds = sum(rarity[part] for part in candidate.held - covered)
        is_elsewhere = all(candidate.number != other.number for other in chosen)
        is_as_close = is_elsewhere and item.score >= _BESIDE_BEST * ranked[0].score
        is_more = adds >= _ADDS and item.score >= _NOT_FAR_BEHIND * ranked[0].score
        if (not chosen or is_as_close or is_more) and _is_new(candidate, chosen):
            chosen.append(candidate)
            covered |= candidate.held | candidate.held_nearby
        if len(chosen) == MAX_QUOTES:
            break
    return chosen


def nearest(ranked: Sequence[Weighed]) -> list[Candidate]:
    """Return what stands nearest to the subject of a question, where nothing answers it for certain."""
    chosen: list[Candidate] = []
    for item in ranked:
        if len(chosen) < MAX_NEAREST and _is_new(item.candidate, chosen):
            chosen.append(item.candidate)
    return chosen


def _is_new(candidate: Candidate, chosen: Sequence[Candidate]) -> bool:
    """Whether a sentence is none of those chosen over again: word for word, nearly, or as what was quoted with one."""
    return all(
        candidate.statement.text not in other.statement.quoted
        and other.statement.text not in candidate.statement.quoted
        and len(candidate.terms & other.terms) < 0.95 * len(candidate.terms | other.terms)
        for other in chosen
    )
