"""How close each statement comes to a question: by words, by meaning, and by the sort of answer that is asked for.

Statements are weighed as passages are: by the question's words, rare ones counting more, and by meaning as far as the
embedder can be trusted with the question's language.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference.errors import InferenceError
from rag import embedding
from rag.answers import wishes
from rag.answers.candidates import Candidate, overlap_of
from rag.answers.figures import MONTH
from rag.answers.names import absent_names
from rag.answers.sentences import Kind, Statement
from rag.types import Passage, Retrieval

logger = logging.getLogger(__name__)

# Read by meaning; further ones are weighed by their words alone. These take the embedded embedder 0.1 s.
MAX_EMBEDDED = 64
EMBEDDED_MAX_CHARACTERS = 400
EMBED_TIMEOUT_S = 5.0

# Measured with `python -m bench quotes` and on tests/rag/answers/quoted_questions.py.
_WORDS_WEIGHT = 0.5
_MEANING_WEIGHT = 0.5
# Of a sentence in the passage that was found first; by its place less in others.
_FIRST_PASSAGE = 0.3
# What answers hardly ever stands further down.
_TRUSTED_PASSAGES = 2
# A heading seldom answers; what stands below it does.
_HEADING = 0.6
_GRANTS_WISH = 0.15
_SPEAKS_OF_ITSELF = 0.5
_TITLE = 0.3
OPENING_CHARACTERS = 400
# A long sentence has words of any question.
_LENGTH = 0.05
# Below both, a sentence is no answer; below the others it is not even near.
_MIN_WORDS = 0.4
_MIN_MEANING = 0.45
_NEAR_WORDS = 0.3
_NEAR_MEANING = 0.4
# A figure in a sentence that is not as close answers another question.
_CLOSE = 0.8
# "Paris" and "E7", but not "WiFi" or "DHCP", which texts often write out, nor a bare number.
_IS_PROPER = re.compile(rf"(?!(?:{MONTH}|\w+day)\b)[A-Z][a-z]{{2,}}|[A-Za-z]{{1,3}}\d{{1,4}}[a-z]?")


@dataclass(frozen=True, slots=True)
class Weighed:
    """A candidate with its score. One that is not close is of the question's subject at most."""

    candidate: Candidate
    score: float
    is_close: bool


async def meanings_of(question: str, candidates: Sequence[Candidate], retrieval: Retrieval) -> list[float]:
    """Return how near the first candidates are in meaning, 0 to 1; none when no embedder can tell."""
    trace = retrieval.trace
    if not candidates or not trace.dense_trust or trace.dense_problem:
        return []
    texts = [_embedded_text(candidate.statement) for candidate in candidates[:MAX_EMBEDDED]]
    try:
        async with asyncio.timeout(EMBED_TIMEOUT_S):
            vectors = await embedding.embed_texts(trace.embedder, [question, *texts])
    except (InferenceError, TimeoutError) as exc:
        logger.info("Sentences were chosen by their words alone: %s", type(exc).__name__)
        return []
    similarities = (trace.dense_scale.comparable(float(similarity)) for similarity in vectors[1:] @ vectors[0])
    return [max(similarity, 0.0) * trace.dense_trust for similarity in similarities]


def _embedded_text(statement: Statement) -> str:
    return wishes.without_addresses(statement.quoted)[:EMBEDDED_MAX_CHARACTERS]


def weigh(
    question: str,
    candidates: Sequence[Candidate],
    meanings: Sequence[float],
    rarity: dict[str, float],
    passages: Sequence[Passage],
) -> list[Weighed]:
    """Return what matches the question or is near, by falling score."""
    wish = wishes.wish_of(question)
    is_about_itself = wishes.is_about_itself(question)
    weighed = []
    for index, candidate in enumerate(candidates):
        statement = candidate.statement
        overlap = overlap_of(candidate, rarity)
        meaning = meanings[index] if index < len(meanings) else 0.0
        grants_wish = wish is not None and wishes.grants(wish, statement.quoted, question)
        speaks_of_itself = is_about_itself and _stands_at_top(candidate) and (grants_wish or wish is None)
        is_title = statement.kind is Kind.HEADING and speaks_of_itself
        if statement.kind is Kind.HEADING and not is_title:
            overlap, meaning = _HEADING * overlap, _HEADING * meaning
        if overlap < _NEAR_WORDS and meaning < _NEAR_MEANING and not speaks_of_itself:
            continue
        is_close = overlap >= _MIN_WORDS or meaning >= _MIN_MEANING or speaks_of_itself
        score = _WORDS_WEIGHT * overlap + _MEANING_WEIGHT * meaning if meanings else overlap
        score += _FIRST_PASSAGE / _place_of(candidate, passages)
        score += _GRANTS_WISH * grants_wish + _SPEAKS_OF_ITSELF * speaks_of_itself + _TITLE * is_title
        score -= _LENGTH * math.log(1 + len(statement.quoted) / 100)
        shown = replace(candidate, statement=replace(statement, lines=(statement.text,))) if is_title else candidate
        weighed.append(Weighed(shown, score, is_close))
    return sorted(weighed, key=lambda item: (-item.score, item.candidate.number, item.candidate.statement.start))


def can_answer(question: str, ranked: Sequence[Weighed], passages: Sequence[Passage]) -> bool:
    """Whether what comes closest can be an answer: it has the sort of thing that is asked for, and the names.

    A sentence on the same subject that says something else is worse than none; and what the search and the sentence do
    not agree upon is not sure.
    """
    if not ranked or _place_of(ranked[0].candidate, passages) > _TRUSTED_PASSAGES:
        return False
    wish = wishes.wish_of(question)
    if wish is None and _names_are_absent(question, passages):
        return False
    close = [item.candidate for item in ranked if item.score >= _CLOSE * ranked[0].score]
    if wish is None:
        kind = wishes.kind_of(question)
        return any(kind <= candidate.terms | candidate.nearby for candidate in close)
    return any(wishes.allows(wish, candidate.statement.quoted, question) for candidate in close)


def may_be_near(question: str, passages: Sequence[Passage]) -> bool:
    """Whether a sentence that is not close is worth showing: not where it is known to lack what is asked for."""
    return wishes.wish_of(question) is None and not _names_are_absent(question, passages)


def _names_are_absent(question: str, passages: Sequence[Passage]) -> bool:
    return any(map(_IS_PROPER.fullmatch, absent_names(question, passages)))


def _place_of(candidate: Candidate, passages: Sequence[Passage]) -> int:
    """Return at which place, from 1, the passage of a candidate was found; as good ones share a place."""
    return 1 + sum(passage.score > candidate.passage.score for passage in passages)


def _stands_at_top(candidate: Candidate) -> bool:
    return candidate.passage.start + candidate.statement.start < OPENING_CHARACTERS
