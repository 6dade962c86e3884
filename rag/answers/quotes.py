"""The Quotes answerer: no model, only the documents' sentences that come closest to the question, word for word.

Sentences are weighed as passages are: by the question's words, rare ones counting more, and by meaning as far as the
embedder can be trusted with the question's language.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext, ngettext

from inference.errors import InferenceError
from rag import embedding
from rag.answers import wishes
from rag.answers.figures import MONTH
from rag.answers.sentences import Kind, Statement, statements
from rag.lexical import words
from rag.lexical.parts import FUNCTION_CHARACTERS, FUNCTION_FACTOR, parts_of
from rag.lexical.variants import simplified
from rag.types import Passage, QuotedAnswer, Retrieval

logger = logging.getLogger(__name__)

MODEL_ID = "quotes"
MODEL_NAME = "Quotes"

MAX_QUOTES = 4
MAX_NAMED_PLACES = 3
QUOTE_MAX_CHARACTERS = 600
# Read by meaning; further ones are weighed by their words alone. These take the embedded embedder 0.1 s.
MAX_EMBEDDED = 64
EMBEDDED_MAX_CHARACTERS = 400
EMBED_TIMEOUT_S = 5.0

# Measured on tests/rag/answers/quoted_questions.py.
_WORDS_WEIGHT = 0.5
_MEANING_WEIGHT = 0.5
# The whole passage's score against the sentence's own.
_PASSAGE_WEIGHT = 0.2
# A word of the heading above or of the sentence before, which is quoted too, against one of the sentence itself.
_NEARBY = 0.5
# A heading seldom answers; what stands below it does.
_HEADING = 0.6
_GRANTS_WISH = 0.15
_SPEAKS_OF_ITSELF = 0.5
_TITLE = 0.3
OPENING_CHARACTERS = 400
_SINGLE = words.CJK_CHARACTER
# Below both, nothing matches.
_MIN_WORDS = 0.4
_MIN_MEANING = 0.45
# Another sentence is quoted too when it comes as close as this share of the best one, or adds so much to it.
_BESIDE_BEST = 0.9
_ADDS = 0.2
_NOT_FAR_BEHIND = 0.5
# A figure in a sentence that is not as close answers another question.
_CLOSE = 0.8


@dataclass(frozen=True, slots=True)
class _Candidate:
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


@dataclass(frozen=True, slots=True)
class _Weighed:
    candidate: _Candidate
    score: float


async def quote(question: str, retrieval: Retrieval | None) -> QuotedAnswer:
    """Answer with quotations from the passages found, numbered as they are there, or say why there are none.

    Args:
        retrieval: None when the question has no documents to draw on at all.
    """
    if retrieval is None:
        return QuotedAnswer(text=_introduction(), passages={}, found=False)
    passages = retrieval.passages
    terms = words.query_terms(wishes.telling_part(question))
    candidates = await asyncio.to_thread(_candidates, question, terms, passages)
    rarity = _rarity(terms, candidates)
    candidates.sort(key=lambda candidate: -_overlap(candidate, rarity))
    meanings = await _meanings(question, candidates, retrieval)
    ranked = _weigh(question, candidates, meanings, rarity, passages)
    chosen = _choose(ranked, rarity) if _can_answer(question, ranked, passages) else []
    if not chosen:
        return QuotedAnswer(text=_nothing_matches(passages), passages={}, found=False)
    lead = ngettext(
        "No model writes here: this is the sentence of your documents that comes closest to your question.",
        "No model writes here: these are the sentences of your documents that come closest to your question.",
        len(chosen),
    )
    return QuotedAnswer(
        text="\n\n".join(filter(None, (lead, *map(_quotation, chosen), _missing_words(question, passages)))),
        passages={candidate.number: candidate.passage for candidate in sorted(chosen, key=lambda c: c.number)},
        found=True,
    )


def _candidates(question: str, terms: Sequence[str], passages: Sequence[Passage]) -> list[_Candidate]:
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
                _Candidate(statement, passage, number, own, nearby, held=held_by(own), held_nearby=held_by(nearby))
            )
    return candidates


def _rarity(terms: Sequence[str], candidates: Sequence[_Candidate]) -> dict[str, float]:
    """Return the weight of each part of the question, together 1: the fewer sentences hold it, the more it tells."""
    n_holding = Counter(part for candidate in candidates for part in candidate.held | candidate.held_nearby)
    parts = frozenset[str]().union(*map(parts_of, terms))
    # What none has weighs as what one has: among a few sentences it would outweigh all that is there.
    weights = {part: math.log(1 + (len(candidates) + 1) / (1 + max(n_holding[part], 1))) for part in parts}
    weights |= {part: FUNCTION_FACTOR * weights[part] for part in parts & FUNCTION_CHARACTERS}
    total = sum(weights.values()) or 1.0
    return {part: weight / total for part, weight in weights.items()}


def _overlap(candidate: _Candidate, rarity: Mapping[str, float]) -> float:
    own = sum(rarity[part] for part in candidate.held)
    return own + _NEARBY * sum(rarity[part] for part in candidate.held_nearby - candidate.held)


async def _meanings(question: str, candidates: Sequence[_Candidate], retrieval: Retrieval) -> list[float]:
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


def _weigh(
    question: str,
    candidates: Sequence[_Candidate],
    meanings: Sequence[float],
    rarity: dict[str, float],
    passages: Sequence[Passage],
) -> list[_Weighed]:
    """Return what matches the question, by falling score."""
    wish = wishes.wish_of(question)
    is_about_itself = wishes.is_about_itself(question)
    best_passage = max((passage.score for passage in passages), default=0.0) or 1.0
    weighed = []
    for index, candidate in enumerate(candidates):
        statement = candidate.statement
        overlap = _overlap(candidate, rarity)
        meaning = meanings[index] if index < len(meanings) else 0.0
        grants_wish = wish is not None and wishes.grants(wish, statement.quoted)
        speaks_of_itself = is_about_itself and _stands_at_top(candidate) and (grants_wish or wish is None)
        is_title = statement.kind is Kind.HEADING and speaks_of_itself
        if statement.kind is Kind.HEADING and not is_title:
            overlap, meaning = _HEADING * overlap, _HEADING * meaning
        if overlap < _MIN_WORDS and meaning < _MIN_MEANING and not speaks_of_itself:
            continue
        score = _WORDS_WEIGHT * overlap + _MEANING_WEIGHT * meaning if meanings else overlap
        score += _PASSAGE_WEIGHT * candidate.passage.score / best_passage
        score += _GRANTS_WISH * grants_wish + _SPEAKS_OF_ITSELF * speaks_of_itself + _TITLE * is_title
        shown = replace(candidate, statement=replace(statement, lines=(statement.text,))) if is_title else candidate
        weighed.append(_Weighed(shown, score))
    return sorted(weighed, key=lambda item: (-item.score, item.candidate.number, item.candidate.statement.start))


def _can_answer(question: str, ranked: Sequence[_Weighed], passages: Sequence[Passage]) -> bool:
    """Whether what comes closest can be an answer: it has the kind of figure that is asked for, or the names.

    A sentence on the same subject that says something else is worse than none.
    """
    if not ranked:
        return False
    wish = wishes.wish_of(question)
    if wish is None:
        return not any(map(_IS_PROPER.fullmatch, _absent_names(question, passages)))
    close = [item.candidate for item in ranked if item.score >= _CLOSE * ranked[0].score]
    return any(wishes.allows(wish, candidate.statement.quoted) for candidate in close)


def _stands_at_top(candidate: _Candidate) -> bool:
    return candidate.passage.start + candidate.statement.start < OPENING_CHARACTERS


def _choose(ranked: Sequence[_Weighed], rarity: dict[str, float]) -> list[_Candidate]:
    """Return the best, and those beside it that say as much elsewhere, or more: best first, nothing twice."""
    chosen: list[_Candidate] = []
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


def _is_new(candidate: _Candidate, chosen: Sequence[_Candidate]) -> bool:
    """Whether a sentence is none of those chosen over again: word for word, nearly, or as what was quoted with one."""
    return all(
        candidate.statement.text not in other.statement.quoted
        and other.statement.text not in candidate.statement.quoted
        and len(candidate.terms & other.terms) < 0.95 * len(candidate.terms | other.terms)
        for other in chosen
    )


def _quotation(candidate: _Candidate) -> str:
    """Return a block quote, a line for each line; two blanks break a line in Markdown."""
    lines = "  \n> ".join(map(_verbatim, candidate.statement.lines))
    return f"> {lines} [{candidate.number}]"


def _missing_words(question: str, passages: Sequence[Passage]) -> str:
    """Say which names and numbers of the question stand in no passage: a near miss must not pass for an answer."""
    missing = _absent_names(question, passages)
    if not missing:
        return ""
    listed = ", ".join(f"“{_verbatim(word)}”" for word in missing[:5])
    return gettext("Not in these passages: %(words)s.") % {"words": listed}


def _absent_names(question: str, passages: Sequence[Passage]) -> list[str]:
    held = frozenset().union(
        *(words.term_set(f"{passage.document_name} {passage.page_name} {passage.text}") for passage in passages)
    )
    named = [found[0] for found in words.LATIN_WORD.finditer(question) if _is_name(found[0], found.start())]
    return [name for name in dict.fromkeys(named) if not words.term_set(name) & held]


def _is_name(word: str, position: int) -> bool:
    has_digit = any(character.isdigit() for character in word)
    return has_digit or (position > 0 and word[0].isupper() and word.lower() not in words.STOP_WORDS)


# "Paris" and "E7", but not "WiFi" or "DHCP", which texts often write out, nor a bare number.
_IS_PROPER = re.compile(rf"(?!(?:{MONTH}|\w+day)\b)[A-Z][a-z]{{2,}}|[A-Za-z]{{1,3}}\d{{1,4}}[a-z]?")
_ACTIVE = re.compile(r"([\\`*_~$<>|&])")
_MARKER_LIKE = re.compile(r"\[(?=\d+\])")
_LINE_START = re.compile(r"^(\s*)([#+-]|\d+(?=[.)]))", re.M)


def _verbatim(sentence: str) -> str:
    """Return Markdown that shows a sentence as it stands: nothing in it formats, links or cites."""
    on_one_line = " ".join(sentence.split())
    if len(on_one_line) > QUOTE_MAX_CHARACTERS:
        on_one_line = f"{on_one_line[:QUOTE_MAX_CHARACTERS]} …"
    escaped = _ACTIVE.sub(r"\\\1", on_one_line)
    # An entity, because a backslash before a bracket opens a formula.
    return _MARKER_LIKE.sub("&#91;", _LINE_START.sub(lambda m: f"{m[1]}{_escaped_start(m[2])}", escaped))


def _escaped_start(mark: str) -> str:
    return f"\\{mark}" if not mark.isdigit() else f"&#{ord(mark[0])};{mark[1:]}"


def _nothing_matches(passages: Sequence[Passage]) -> str:
    """Say so, and name the places that the search found nearest: the answer may stand there in other words."""
    said = gettext(
        "Nothing in your documents matches this question.\n\n"
        "Without a model I only look for sentences that share its words or its meaning. "
        "Other words may find what you are looking for."
    )
    places = list(dict.fromkeys(map(_place, passages)))[:MAX_NAMED_PLACES]
    if not places:
        return said
    return "\n\n".join(
        (said, gettext("These places come closest to its subject:"), "\n".join(f"- {p}" for p in places))
    )


def _place(passage: Passage) -> str:
    """Return Markdown that names a passage's document and the heading or page that it stands under."""
    name = passage.page_name.rpartition(" › ")[2]
    if not name and passage.page:
        name = gettext("page %(number)d") % {"number": passage.page}
    return ", ".join(
        f"{mark}{_verbatim(text)}{mark}" for text, mark in ((passage.document_name, "**"), (name, "")) if text
    )


def _introduction() -> str:
    return gettext(
        "No model is chosen that could write an answer. I quote: add a document to this chat, ask about it, "
        "and I show the sentences that come closest, each with the place where it stands.\n\n"
        "For written answers, pick a model above, or add one."
    )
