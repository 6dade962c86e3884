"""Which passages an answer refers to. A number that names no passage is text, never a citation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag import words
from rag.sentences import sentence_spans, split_sentences
from rag.types import Passage

_CODE = re.compile(
    r"(?P<fence>^[ ]{0,3}(?P<marks>`{3,}|~{3,})[^\n]*\n.*?(?:^[ ]{0,3}(?P=marks)|\Z))|(?P<ticks>`+).+?(?P=ticks)",
    re.M | re.S,
)  # noqa: E501
_NUMBERS = r"\[(\d{1,3}(?:\s*,\s*\d{1,3}){0,9})\]"
_MARKER = re.compile(rf"(?<!\\){_NUMBERS}")
_LEADING_MARKERS = re.compile(rf"(?:\s*{_NUMBERS})+\s*")
# A sentence supports a claim from this share of the claim's words on, or from this many of them.
_SUPPORTING_SHARE = 0.3
_SUPPORTING_WORDS = 3


def cited_numbers(answer: str, n_passages: int) -> tuple[int, ...]:
    """Return the passage numbers that an answer's [n] markers name, each once, by first mention. Code does not cite.

    A marker may name several, as in [1, 3]; one that names a passage which is not there is text.
    """
    markers = _marked(_CODE.sub(" ", answer))
    known = (numbers for numbers in markers if all(1 <= number <= n_passages for number in numbers))
    return tuple(dict.fromkeys(number for numbers in known for number in numbers))


def _marked(text: str) -> Iterator[list[int]]:
    """Yield the numbers of each marker."""
    for found in _MARKER.finditer(text):
        yield [int(number) for number in found[1].split(",")]


def cited_passages(answer: str, passages: Sequence[Passage]) -> dict[int, Passage]:
    """Return what an answer refers to, by its number: of each passage the sentences that support the answer."""
    return {
        number: _supporting(answer, number, passages[number - 1]) for number in cited_numbers(answer, len(passages))
    }


def _supporting(answer: str, number: int, passage: Passage) -> Passage:
    """Return the passage from its first to its last supporting sentence; all of it when none stands out."""
    spans = list(sentence_spans(passage.text))
    sentences = [words.term_set(passage.text[start:end]) for start, end in spans]
    chosen = {best for claim in _claims(answer, number) if (best := _best_sentence(claim, sentences)) is not None}
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


def _claims(answer: str, number: int) -> Iterator[frozenset[str]]:
    """Yield the telling words of each sentence that cites a passage, also from behind its full stop."""
    claim = ""
    for sentence in split_sentences(_CODE.sub(" ", answer)):
        led = _LEADING_MARKERS.match(sentence)
        if led and any(number in numbers for numbers in _marked(led[0])):
            yield _telling_terms(claim)
        claim = sentence[led.end() :] if led else sentence
        if any(number in numbers for numbers in _marked(claim)):
            yield _telling_terms(claim)


def _telling_terms(claim: str) -> frozenset[str]:
    return frozenset(words.query_terms(_MARKER.sub(" ", claim)))
