"""The Quotes answerer: no model, only the documents' sentences that come closest to the question, word for word."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext, ngettext

from rag import words
from rag.types import Passage, QuotedAnswer

MODEL_ID = "quotes"
MODEL_NAME = "Quotes"

MAX_QUOTES = 4
SENTENCE_MAX_CHARACTERS = 600
# Weight of the whole passage against the sentence's own words.
_PASSAGE_WEIGHT = 0.35
# Another sentence is quoted too when it holds nearly as much of the question as the best one, or adds this much to it.
_BESIDE_BEST = 0.95
_ADDS = 0.2

_SENTENCE_END = re.compile(r"(?<=[。！？；])[”’」』）]*|(?<=[.!?])[\"'”’)\]]*(?=\s+[^a-z\s])|\n+")
# A full stop behind these does not end a sentence; the number of a heading or an item is one of them.
_ABBREVIATION = re.compile(
    r"(?:^\s*\d{1,4}|\b(?:Dr|Mr|Mrs|Ms|Prof|St|No|Nr|vs|etc|e\.g|i\.e|cf|Fig|al|Inc|Ltd|Jr|Sr)|\b[A-Z])\.$"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    passage_number: int
    position: int
    terms: frozenset[str]


def quote(question: str, passages: Sequence[Passage], *, has_documents: bool = True) -> QuotedAnswer:
    """Answer with quotations from passages, numbered as given, or say why there are none.

    Args:
        has_documents: Whether the question has documents to draw on at all.
    """
    if not has_documents:
        return QuotedAnswer(text=_introduction(), passages={}, found=False)
    chosen = choose_sentences(question, passages)
    if not chosen:
        return QuotedAnswer(text=_nothing_matches(), passages={}, found=False)
    missing = _missing_words(question, passages)
    numbers = sorted({sentence.passage_number for sentence in chosen})
    lead = ngettext(
        "No model writes here: this is the sentence of your documents that comes closest to your question.",
        "No model writes here: these are the sentences of your documents that come closest to your question.",
        len(chosen),
    )
    quotations = "\n\n".join(f"> {_verbatim(sentence.text)} [{sentence.passage_number}]" for sentence in chosen)
    return QuotedAnswer(
        text="\n\n".join(filter(None, (lead, quotations, missing))),
        passages={number: passages[number - 1] for number in numbers},
        found=True,
    )


def choose_sentences(question: str, passages: Sequence[Passage]) -> list[Sentence]:
    """Return the sentences that come closest to a question, best first, without repetitions."""
    terms = words.query_terms(question)
    sentences = [
        sentence for number, passage in enumerate(passages, start=1) for sentence in _sentences(passage, number)
    ]
    if not terms or not sentences:
        return []
    rarity = _rarity(terms, sentences)
    best_passage = max(passage.score for passage in passages) or 1.0

    def overlap(sentence: Sentence) -> float:
        return sum(rarity[term] for term in terms if term in sentence.terms)

    def score(sentence: Sentence) -> float:
        prior = passages[sentence.passage_number - 1].score / best_passage
        return (1 - _PASSAGE_WEIGHT) * overlap(sentence) + _PASSAGE_WEIGHT * prior

    ranked = sorted(sentences, key=lambda s: (-score(s), s.passage_number, s.position))
    best = overlap(ranked[0])
    if best == 0:
        # Near in meaning without a word in common: the best passage's opening is all that can be said for certain.
        return [sentence for sentence in ranked if sentence.passage_number == 1][:1]
    chosen: list[Sentence] = []
    covered: set[str] = set()
    for sentence in ranked:
        adds = sum(rarity[term] for term in terms if term in sentence.terms and term not in covered)
        if (adds >= _ADDS or overlap(sentence) >= _BESIDE_BEST * best) and _is_new(sentence, chosen):
            chosen.append(sentence)
            covered |= sentence.terms
        if len(chosen) == MAX_QUOTES:
            break
    return chosen


def _is_new(sentence: Sentence, chosen: Sequence[Sentence]) -> bool:
    """Whether a sentence is none of those chosen over again, word for word or nearly."""
    return all(len(sentence.terms & other.terms) < 0.95 * len(sentence.terms | other.terms) for other in chosen)


def _missing_words(question: str, passages: Sequence[Passage]) -> str:
    """Say which names and numbers of the question stand in no passage: a near miss must not pass for an answer."""
    held = frozenset().union(*(words.term_set(passage.text) for passage in passages))
    named = [found[0] for found in words.LATIN_WORD.finditer(question) if _is_name(found[0], found.start())]
    missing = [name for name in dict.fromkeys(named) if not words.term_set(name) & held]
    if not missing:
        return ""
    listed = ", ".join(f"“{_verbatim(word)}”" for word in missing[:5])
    return gettext("Not in these passages: %(words)s.") % {"words": listed}


def _is_name(word: str, position: int) -> bool:
    has_digit = any(character.isdigit() for character in word)
    return has_digit or (position > 0 and word[0].isupper() and word.lower() not in words.STOP_WORDS)


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, English or Chinese, without the blanks around them."""
    sentences: list[str] = []
    start = 0
    for found in _SENTENCE_END.finditer(text):
        piece = text[start : found.end()]
        if "\n" not in found[0] and _ABBREVIATION.search(piece):
            continue
        sentences.append(piece.strip())
        start = found.end()
    sentences.append(text[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _sentences(passage: Passage, number: int) -> list[Sentence]:
    texts = split_sentences(passage.text)
    whole = [text for text in texts if words.LATIN_WORD.search(text) or words.CJK_CHARACTER.search(text)]
    return [
        Sentence(text[:SENTENCE_MAX_CHARACTERS], number, position, words.term_set(text))
        for position, text in enumerate(whole)
    ]


def _rarity(terms: Sequence[str], sentences: Sequence[Sentence]) -> dict[str, float]:
    """Return the weight of each term, together 1. A term that stands nowhere weighs nothing: nobody can match it."""
    counts = {term: sum(term in sentence.terms for sentence in sentences) for term in terms}
    weights = {term: math.log(1 + len(sentences) / n) if n else 0.0 for term, n in counts.items()}
    total = sum(weights.values()) or 1.0
    return {term: weight / total for term, weight in weights.items()}


_ACTIVE = re.compile(r"([\\`*_~$<>|&])")
_MARKER_LIKE = re.compile(r"\[(?=\d+\])")
_LINE_START = re.compile(r"^(\s*)([#+-]|\d+(?=[.)]))", re.M)


def _verbatim(sentence: str) -> str:
    """Return Markdown that shows a sentence as it stands: nothing in it formats, links or cites."""
    on_one_line = " ".join(sentence.split())
    escaped = _ACTIVE.sub(r"\\\1", on_one_line)
    # An entity, because a backslash before a bracket opens a formula.
    return _MARKER_LIKE.sub("&#91;", _LINE_START.sub(lambda m: f"{m[1]}{_escaped_start(m[2])}", escaped))


def _escaped_start(mark: str) -> str:
    return f"\\{mark}" if not mark.isdigit() else f"&#{ord(mark[0])};{mark[1:]}"


def _nothing_matches() -> str:
    return gettext(
        "Nothing in your documents matches this question.\n\n"
        "Without a model I only look for sentences that share its words or its meaning. "
        "Other words may find what you are looking for."
    )


def _introduction() -> str:
    return gettext(
        "No model is chosen that could write an answer. I quote: add a document to this chat, ask about it, "
        "and I show the sentences that come closest, each with the place where it stands.\n\n"
        "For written answers, pick a model above, or add one."
    )
