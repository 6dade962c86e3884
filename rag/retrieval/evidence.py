"""Whether a search has found an answer at all: one that always finds something cannot say "not in your documents".

Two things speak for a passage: how near it is in meaning, and how much of what the question names stands in it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from rag.lexical import words
from rag.lexical.parts import FUNCTION_CHARACTERS, FUNCTION_FACTOR, parts_of
from rag.retrieval.looking import Look

# Measured with `python -m bench retrieval` on 12,000 chunks, against questions about anything else.
COVERAGE_WEIGHT = 0.4
"""Of the words, beside a similarity of 0 to 1."""
NEEDED_WITH_MEANING = 0.5
COVERED = 0.8
"""From this coverage on nothing else is needed: embedders know little of names and numbers."""
# Where the embedder cannot be trusted, the words alone must tell. A Chinese question is hardly ever written with the
# very pairs of the passage that answers it.
NEEDED_OF_LATIN_WORDS = 0.22
NEEDED_OF_CJK = 0.14
NEEDED_BESIDE = 0.56
"""Of that, where another passage has all of it: what stands second often holds the answer."""
ONE_WORD_FACTOR = 0.8
SEVERAL_WORDS_FACTOR = 1.2
"""Of a Chinese question with several words, where one of them stands, or three: one is often there by chance."""
BORROWED_FACTOR = 0.5
"""An earlier question's words against those of this one."""


def needed(question: str, trust: float) -> float:
    """Return the evidence that the best passage must have; without it none is given."""
    latin = words.share_of_latin(question)
    of_words = latin * NEEDED_OF_LATIN_WORDS + (1 - latin) * NEEDED_OF_CJK
    return trust * NEEDED_WITH_MEANING + (1 - trust) * of_words


def evidence(meaning: float, coverage: float) -> float:
    """Return what speaks for a passage, 0 to 1.4. `meaning` is its similarity as far as that is to be trusted."""
    return max(meaning + COVERAGE_WEIGHT * coverage, NEEDED_WITH_MEANING if coverage >= COVERED else 0.0)


def coverage_of(terms: Sequence[str], looks: Mapping[int, Look], borrowed: Collection[str] = ()) -> dict[int, float]:
    """Return by chunk id how much of what a question names stands in it, 0 to 1, rare things counting more.

    What counts are the parts of `rag.lexical.parts`.

    Args:
        looks: At each chunk, for these terms.
        borrowed: Those of the terms that are an earlier question's.
    """
    # Reckoned once for all chunks that hold the same of the question: most hold one term or two.
    held = {found: frozenset[str]().union(*map(parts_of, found)) for found in {look.terms for look in looks.values()}}
    weights = _weights(terms, looks, held, borrowed)
    total = sum(weights.values()) or 1.0
    shares = {found: sum(weights[part] for part in parts) / total for found, parts in held.items()}
    if any(map(words.CJK_CHARACTER.match, terms)) and _n_words(terms) > 1:
        shares = {found: min(share * _factor(_n_words(found)), 1.0) for found, share in shares.items()}
    return {pk: shares[look.terms] for pk, look in looks.items()}


def _n_words(terms: Sequence[str]) -> int:
    """Return how many words a text can have among terms in their order: pairs that overlap are one."""
    n_words = 0
    used: set[str] = set()
    for term in terms:
        if not words.CJK_CHARACTER.match(term) or (len(term) > 1 and used.isdisjoint(term)):
            n_words += 1
            used.update(parts_of(term))
    return n_words


def _factor(n_words: int) -> float:
    if n_words >= 3:
        return SEVERAL_WORDS_FACTOR
    return ONE_WORD_FACTOR if n_words == 1 else 1.0


def _weights(
    terms: Sequence[str],
    looks: Mapping[int, Look],
    held: Mapping[tuple[str, ...], frozenset[str]],
    borrowed: Collection[str],
) -> dict[str, float]:
    """Return the weight of each word or character: the fewer candidates have it, the more it tells."""
    own = frozenset[str]().union(*(parts_of(term) for term in terms if term not in borrowed))
    parts = own.union(*map(parts_of, terms))
    n_holding = Counter(part for look in looks.values() for part in held[look.terms])
    # Common is what stands anywhere, also apart from its neighbour.
    n_holding |= Counter(character for look in looks.values() for character in look.characters)
    # What none has weighs as what one has: among a few chunks the words that an answer lacks would outweigh all others.
    weights = {part: math.log(1 + (len(looks) + 1) / (1 + max(n_holding[part], 1))) for part in parts}
    weights |= {part: FUNCTION_FACTOR * weights[part] for part in weights.keys() & FUNCTION_CHARACTERS}
    return {part: weight if part in own else BORROWED_FACTOR * weight for part, weight in weights.items()}
