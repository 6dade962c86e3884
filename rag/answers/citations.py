"""What of its passages an answer rests on."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from rag.answers.markers import MARKER, numbers_of
from rag.answers.sentences import sentence_spans, split_sentences
from rag.lexical import words
from rag.types import Passage

_CODE = re.compile(
    r"(?P<fence>^[ ]{0,3}(?P<marks>`{3,}|~{3,})[^\n]*\n.*?(?:^[ ]{0,3}(?P=marks)|\Z))|(?P<ticks>`+).+?(?P=ticks)",
    re.M | re.S,
)  # noqa: E501
_LEADING_MARKERS = re.compile(rf"(?:\s*(?:{MARKER.pattern}))+\s*", re.I)
# A sentence supports a claim from this share of the claim's words on, or from this many of them.
_SUPPORTING_SHARE = 0.3
_SUPPORTING_WORDS = 3


def cited_passages(answer: str, passages: Sequence[Passage], numbers: Iterable[int]) -> dict[int, Passage]:
    """Return the passages that an answer cites by number: of each the sentences that support the answer."""
    return {number: _supporting(answer, number, passages) for number in numbers}


def _supporting(answer: str, number: int, passages: Sequence[Passage]) -> Passage:
    """Return the passage from its first to its last supporting sentence; all of it when none stands out."""
    passage = passages[number - 1]
    known = range(1, len(passages) + 1)
    spans = list(sentence_spans(passage.text))
    sentences = [words.term_set(passage.text[start:end]) for start, end in spans]
    chosen = {
        best for claim in _claims(answer, number, known) if (best := _best_sentence(claim, sentences)) is not None
    }
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


def _claims(answer: str, number: int, known: Collection[int]) -> Iterator[frozenset[str]]:
    """Yield the telling words of each sentence that cites a passage, also from behind its full stop."""
    claim = ""
    for sentence in split_sentences(_CODE.sub(" ", answer)):
        led = _LEADING_MARKERS.match(sentence)
        if led and _cites(led[0], number, known):
            yield _telling_terms(claim)
        claim = sentence[led.end() :] if led else sentence
        if _cites(claim, number, known):
            yield _telling_terms(claim)


def _cites(text: str, number: int, known: Collection[int]) -> bool:
    return any(number in numbers_of(mark, known) for mark in MARKER.finditer(text))


def _telling_terms(claim: str) -> frozenset[str]:
    return frozenset(words.query_terms(MARKER.sub(" ", claim)))
