"""Which of the weighed candidates an answer gets, and which of them become one passage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rag.retrieval.candidates import FoundChunk
from rag.retrieval.evidence import NEEDED_BESIDE, evidence
from rag.retrieval.fusion import Weighed
from rag.types import Outcome

NEAR_DUPLICATE = 0.85
MAX_JOINED = 3
"""Chunks of one passage: a citation should still say where to look."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A candidate with what becomes of it. `passage` is the number, from 1, of the one that it is in."""

    item: Weighed
    outcome: Outcome
    passage: int | None = None


def select(ranked: Sequence[Weighed], limit: int, needed: float) -> list[Selected]:
    """Return the candidates as they came, best first. Neighbours of a kept one that are good enough are joined to it.

    No more chunks are joined than passages are kept: an answer does not become slow because its subject is long.

    Args:
        needed: Evidence that the best one must have; see `rag.retrieval.evidence`.
    """
    found = {item.chunk.id: evidence(item.meaning, item.coverage) for item in ranked}
    least = NEEDED_BESIDE * needed if max(found.values(), default=0.0) >= needed else math.inf
    passages: list[list[Weighed]] = []
    terms_in_use: dict[str, frozenset[str]] = {}
    selected: list[Selected] = []
    n_joined = 0
    for item in ranked:
        if found[item.chunk.id] < least:
            selected.append(Selected(item, "below cut-off"))
            continue
        number = _neighbour_of(item.chunk, passages) if n_joined < limit else None
        if number is None and len(passages) >= limit:
            selected.append(Selected(item, "beyond limit"))
            continue
        terms = terms_in_use.get(item.chunk.terms) or frozenset(item.chunk.terms.split())
        if any(_overlap(terms, other) >= NEAR_DUPLICATE for other in terms_in_use.values()):
            selected.append(Selected(item, "near-duplicate"))
            continue
        terms_in_use[item.chunk.terms] = terms
        if number is not None:
            passages[number - 1].append(item)
            n_joined += 1
            selected.append(Selected(item, "joined", number))
        else:
            passages.append([item])
            selected.append(Selected(item, "kept", len(passages)))
    return selected


def _neighbour_of(chunk: FoundChunk, passages: Sequence[Sequence[Weighed]]) -> int | None:
    """Return the number of the passage that a chunk goes on, or leads to, on the same page and under one heading."""
    for number, passage in enumerate(passages, 1):
        first = passage[0].chunk
        if (first.document_id, first.page, first.page_name) != (chunk.document_id, chunk.page, chunk.page_name):
            continue
        positions = [item.chunk.position for item in passage]
        if len(passage) < MAX_JOINED and chunk.position in (min(positions) - 1, max(positions) + 1):
            return number
    return None


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    if a is b:
        # A copy: many have the same file.
        return float(bool(a))
    n_shared = len(a & b)
    return n_shared / max(len(a) + len(b) - n_shared, 1)
