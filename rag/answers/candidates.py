"""The statements of the passages found, and how much of a question's words stands in each of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.answers import wishes
from rag.answers.names import subjects_of, terms_around
from rag.answers.sentences import Statement, statements
from rag.lexical import words
from rag.lexical.parts import FUNCTION_CHARACTERS, FUNCTION_FACTOR, parts_of
from rag.lexical.variants import simplified
from rag.types import Passage

# A word of the heading above or of the sentence before, which is quoted too, against one of the sentence itself.
_NEARBY = 0.9
# A name that such a share of the passages has tells none of them from the others.
_TOLD_EVERYWHERE = 0.75
_SINGLE = words.CJK_CHARACTER


@dataclass(frozen=True, slots=True)
class Candidate:
    """A statement of a passage.

    Attributes:
        terms: Of the statement; `nearby`: of what stands around it.
        held, held_nearby: Parts of the question that stand in either.
    """

    statement: Statement
    passage: Passage
    number: int
    terms: frozenset[str]
    nearby: frozenset[str]
    held: frozenset[str]
    held_nearby: frozenset[str]


def candidates_in(question: str, terms: Sequence[str], passages: Sequence[Passage]) -> list[Candidate]:
    singles = frozenset(filter(_SINGLE.fullmatch, terms))

    def terms_of(text: str) -> frozenset[str]:
        return words.term_set(shown(text)) | singles.intersection(simplified(text))

    def held_by(found: frozenset[str]) -> frozenset[str]:
        return frozenset[str]().union(*(parts_of(term) for term in terms if term in found))

    # The name of a link is another document's.
    shown = wishes.without_links if wishes.is_about_itself(question) else wishes.without_addresses
    candidates = []
    for number, passage in enumerate(passages, start=1):
        for statement in statements(passage.text):
            own = terms_of(statement.text)
            nearby = terms_of(" ".join((passage.page_name, *statement.headings, *statement.lines)))
            candidates.append(
                Candidate(statement, passage, number, own, nearby, held=held_by(own), held_nearby=held_by(nearby))
            )
    return candidates


def speaking_of(question: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates whose passages speak of as many names of the question as any does.

    A name that nearly all passages have is what the documents are about, and need not be said again.
    """
    subjects = subjects_of(question)
    if not subjects:
        return list(candidates)
    passages = {candidate.number: candidate.passage for candidate in candidates}
    around = {number: terms_around(passage) for number, passage in passages.items()}
    holding = [{number for number, terms in around.items() if subject <= terms} for subject in subjects]
    telling = [numbers for numbers in holding if len(numbers) < _TOLD_EVERYWHERE * len(around)]
    n_named = Counter(number for numbers in telling for number in numbers)
    most = max(n_named.values(), default=0)
    return [candidate for candidate in candidates if n_named[candidate.number] == most]


def rarity_of(terms: Sequence[str], candidates: Sequence[Candidate]) -> dict[str, float]:
    """Return the weight of each part of the question, together 1: the fewer sentences hold it, the more it tells."""
    n_holding = Counter(part for candidate in candidates for part in candidate.held | candidate.held_nearby)
    parts = frozenset[str]().union(*map(parts_of, terms))
    # What none has weighs as what one has: among a few sentences it would outweigh all that is there.
    weights = {part: math.log(1 + (len(candidates) + 1) / (1 + max(n_holding[part], 1))) for part in parts}
    weights |= {part: FUNCTION_FACTOR * weights[part] for part in parts & FUNCTION_CHARACTERS}
    total = sum(weights.values()) or 1.0
    return {part: weight / total for part, weight in weights.items()}


def overlap_of(candidate: Candidate, rarity: Mapping[str, float]) -> float:
    own = sum(rarity[part] for part in candidate.held)
    nearby = sum(rarity[part] for part in candidate.held_nearby - candidate.held)
    return own + _NEARBY * nearby
