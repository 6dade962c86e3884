"""What of its passages an answer rests on, as far as words can tell."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from rag.answers.markers import MARKER, numbers_of
from rag.answers.sentences import sentence_spans, split_sentences
from rag.lexical import words
from rag.lexical.parts import FUNCTION_CHARACTERS
from rag.lexical.variants import simplified
from rag.types import Passage

_CODE = re.compile(
    r"(?P<fence>^[ ]{0,3}(?P<marks>`{3,}|~{3,})[^\n]*\n.*?(?:^[ ]{0,3}(?P=marks)|\Z))|(?P<ticks>`+).+?(?P=ticks)",
    re.M | re.S,
)  # noqa: E501
_LEADING_MARKERS = re.compile(rf"(?:\s*(?:{MARKER.pattern}))+\s*", re.I)
# A sentence supports a claim from this share of the claim's words on, or from this many of them.
_SUPPORTING_SHARE = 0.3
_SUPPORTING_WORDS = 3
# A claim with fewer telling words, "see [1]" or "yes [1]", says nothing that its passage would have to hold.
_JUDGED_WORDS = 3
# A Chinese claim in other words than its passage still has as many of its characters.
_SUPPORTING_CHARACTERS = 0.5


def cited_passages(answer: str, passages: Sequence[Passage], numbers: Iterable[int]) -> dict[int, Passage]:
    """Return the passages that an answer cites by number: of each the sentences that support the answer.

    One that has nothing in common with any claim it is cited for supports none of them, and is left out.
    """
    known = range(1, len(passages) + 1)
    cited = {}
    for number in numbers:
        claims = list(_claims(answer, number, known))
        passage = passages[number - 1]
        if not claims or any(_may_support(passage, claim) for claim in claims):
            cited[number] = _supporting(passage, claims)
    return cited


def _may_support(passage: Passage, claim: str) -> bool:
    """Whether a passage has any word of a claim; it counts as having some where words of two languages cannot tell."""
    telling = frozenset(words.telling_terms(claim))
    text = f"{passage.document_name} {passage.page_name} {passage.text}"
    if len(telling) < _JUDGED_WORDS or telling & words.term_set(text) or not _is_one_language(claim, text):
        return True
    characters = words.query_characters(claim) - FUNCTION_CHARACTERS
    return len(characters & frozenset(simplified(text))) >= _SUPPORTING_CHARACTERS * len(characters) > 0


def _is_one_language(claim: str, text: str) -> bool:
    """Whether both are Chinese, or both English; of other languages with Latin letters none is known from another."""
    if words.share_of_latin(claim) < 0.5:
        return words.share_of_latin(text) < 0.5
    return all(words.STOP_WORDS.intersection(side.lower().split()) for side in (claim, text))


def _supporting(passage: Passage, claims: Iterable[str]) -> Passage:
    """Return the passage from its first to its last supporting sentence; all of it when none stands out."""
    spans = list(sentence_spans(passage.text))
    sentences = [words.term_set(passage.text[start:end]) for start, end in spans]
    telling = (frozenset(words.query_terms(claim)) for claim in claims)
    chosen = {best for claim in telling if (best := _best_sentence(claim, sentences)) is not None}
    if not chosen:
        return passage
    start, end = spans[min(chosen)][0], spans[max(chosen)][1]
    return replace(passage, start=passage.start + start, end=passage.start + end, text=passage.text[start:end])


def _best_sentence(claim: frozenset[str], sentences: Sequence[frozenset[str]]) -> int | None:
    shared = [len(claim & sentence) for sentence in sentences]
    most = max(shared, default=0)
    if most == 0 or (most < _SUPPORTING_WORDS and most < _SUPPORTING_SHARE * len(claim)):
        return None
    return shared.index(most)


def _claims(answer: str, number: int, known: Collection[int]) -> Iterator[str]:
    """Yield each sentence that cites a passage, also from behind its full stop, without its marks."""
    claim = ""
    for sentence in split_sentences(_CODE.sub(" ", answer)):
        led = _LEADING_MARKERS.match(sentence)
        if led and _cites(led[0], number, known):
            yield MARKER.sub(" ", claim)
        claim = sentence[led.end() :] if led else sentence
        if _cites(claim, number, known):
            yield MARKER.sub(" ", claim)


def _cites(text: str, number: int, known: Collection[int]) -> bool:
    return any(number in numbers_of(mark, known) for mark in MARKER.finditer(text))
