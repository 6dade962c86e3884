"""Weighs what was found: words against meaning, rare words against common ones, and what stands nearby."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rag.lexical import words
from rag.retrieval.candidates import FoundChunk
from rag.retrieval.evidence import coverage_of
from rag.retrieval.looking import Look

NAME = "weighed-30-70-coverage-latin"
"""Of this way to search: change it with anything that moves a rank, so that golden questions are run again."""

# Measured on 22 650 chunks of two languages; equal-weight rank fusion lost half of the Chinese answers.
LEXICAL_WEIGHT = 0.3
DENSE_WEIGHT = 0.7

# These were measured with `python -m bench retrieval`.
SINGLE_CHARACTERS_WEIGHT = 0.3
"""Of single Chinese characters beside their pairs: one of two characters is often written otherwise."""
NEIGHBOUR_WEIGHT = 0.1
"""Of the chunks before and behind, where meaning does not help: an answer stands among others on its subject."""
COVERAGE_WEIGHT = 0.05
"""Of how much of the question stands in a chunk, where meaning helps: BM25 may count one word many times."""
KEY_WORDS_COVERAGE_WEIGHT = 0.25
"""The same for key words, or a title, that ask nothing: whoever types these has the words of the text in mind."""
SAME_LANGUAGE_BONUS = 0.05
CONTENTS_FACTOR = 0.3
"""A table of contents holds the words of every question about its document, and answers none."""

_SATURATION = 1.2


@dataclass(frozen=True, slots=True)
class Weighed:
    """A candidate and its scores; `rerank` only when a reranker has read it."""

    chunk: FoundChunk
    lexical: float
    coverage: float
    dense: float | None
    meaning: float
    fused: float
    rerank: float | None = None


def weigh(
    question: str,
    terms: Sequence[str],
    trust: float,
    chunks: Collection[FoundChunk],
    looks: Mapping[int, Look],
    lexical_shares: Mapping[int, float],
    similarities: Mapping[int, float],
    borrowed: Collection[str] = (),
) -> list[Weighed]:
    """Return the candidates by falling fused score.

    Args:
        looks: At these chunks, and perhaps at others.
        borrowed: Those of the terms that are an earlier question's.
    """
    looks = {chunk.id: looks[chunk.id] for chunk in chunks}
    coverage = coverage_of(terms, looks, borrowed)
    # BM25 says which passage fits best, not whether any fits well: of a long question, most words may stand in none.
    confidence = max(coverage.values(), default=0.0)
    by_place = {(chunk.document_id, chunk.position): lexical_shares.get(chunk.id, 0.0) for chunk in chunks}
    characters = _character_scores(question, looks)
    is_latin_question = words.share_of_latin(question) >= 0.5
    coverage_weight = COVERAGE_WEIGHT if words.asks(question) else KEY_WORDS_COVERAGE_WEIGHT
    # The few Latin words of a Chinese question, a command or a format, say more of its subject than their share does.
    weight_of_meaning = math.sqrt(trust)
    weighed = []
    for chunk in chunks:
        share = lexical_shares.get(chunk.id, 0.0)
        nearby = sum(by_place.get((chunk.document_id, chunk.position + step), 0.0) for step in (-1, 1))
        wording = share + NEIGHBOUR_WEIGHT * (1 - weight_of_meaning) * nearby
        wording += SINGLE_CHARACTERS_WEIGHT * characters.get(chunk.id, 0.0)
        similarity = similarities.get(chunk.id)
        positive = max(similarity or 0.0, 0.0)
        fused = LEXICAL_WEIGHT * confidence * wording
        fused += weight_of_meaning * (DENSE_WEIGHT * positive + coverage_weight * coverage[chunk.id])
        if looks[chunk.id].is_latin == is_latin_question:
            fused *= 1 + SAME_LANGUAGE_BONUS
        if looks[chunk.id].is_contents:
            fused *= CONTENTS_FACTOR
        weighed.append(
            Weighed(
                chunk=chunk,
                lexical=share,
                coverage=coverage[chunk.id],
                dense=similarity,
                meaning=trust * positive,
                fused=fused,
            )
        )
    return sorted(weighed, key=lambda item: (-item.fused, item.chunk.id))


def _character_scores(question: str, looks: Mapping[int, Look]) -> dict[int, float]:
    """Return how well each text holds the question's single CJK characters, 0 to about 2, by BM25's measure."""
    characters = words.query_characters(question)
    if not characters:
        return {}
    n_holding = Counter(character for look in looks.values() for character in look.characters)
    weights = {c: math.log(1 + (len(looks) - n_holding[c] + 0.5) / (n_holding[c] + 0.5)) for c in characters}
    total = sum(weights.values())
    scores = {}
    for pk, look in looks.items():
        # Each stands in two pairs, but at the ends of a run.
        counts = {c: n / 2 for c, n in look.characters.items() if c in weights}
        scores[pk] = sum(weights[c] * n * (_SATURATION + 1) / (n + _SATURATION) for c, n in counts.items()) / total
    return scores
