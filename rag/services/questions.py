"""Golden questions: entering, changing, and carrying them from one site to another.

Who may do which of it is decided by `access`, before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Substr

from rag.errors import QuestionRefused
from rag.evaluation.measures import Span
from rag.models import (
    QUESTION_MAX_LENGTH,
    QUOTE_MAX_LENGTH,
    Chunk,
    Document,
    Evaluation,
    ExtractedText,
    GoldenQuestion,
    Knowledge,
    Membership,
)
from rag.types import Unfindable

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

MAX_QUESTIONS = 500
"""Of one knowledge: a run through them takes a minute or so."""

Origin = GoldenQuestion.Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What answers a question: a document, or with `quote` these words in it.

    Attributes:
        start: Where the quote begins in the document's text, when that is known: it may stand there several times.
    """

    document: Document
    quote: str = ""
    start: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why one row of an import was not taken. `row` counts from 1; `reason` is one of QuestionRefused's."""

    row: int
    reason: str
    document_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    n_new: int
    n_known: int
    refusals: tuple[Refusal, ...]


def create_question(
    knowledge: Knowledge,
    question: str,
    expected: Expected,
    *,
    made_by: AbstractBaseUser,
    origin: str = Origin.HAND,
) -> GoldenQuestion:
    """Keep a question with what answers it.

    Raises:
        QuestionRefused: Also when the document is not in the knowledge, or the quote not in the document.
    """
    golden = GoldenQuestion(knowledge=knowledge, origin=origin, made_by_id=made_by.pk)
    _fill(golden, question, expected)
    with transaction.atomic():
        # Two people at once do not get past the limit: the second waits for the first.
        Knowledge.objects.select_for_update().get(pk=knowledge.pk)
        if knowledge.golden_questions.count() >= MAX_QUESTIONS:
            raise QuestionRefused(QuestionRefused.TOO_MANY)
        _refuse_known(golden)
        golden.save(force_insert=True)
    return golden


def change_question(golden: GoldenQuestion, question: str, expected: Expected) -> GoldenQuestion:
    """Raises QuestionRefused."""
    _fill(golden, question, expected)
    _refuse_known(golden)
    with transaction.atomic():
        # A run that is under way asks it anew.
        golden.results.filter(evaluation__state__in=Evaluation.ACTIVE_STATES).delete()
        golden.save()
    return golden


def delete_question(golden: GoldenQuestion) -> None:
    golden.delete()


def _fill(golden: GoldenQuestion, question: str, expected: Expected) -> None:
    question, quote = question.strip(), expected.quote.strip()
    if not question:
        raise QuestionRefused(QuestionRefused.EMPTY)
    if len(question) > QUESTION_MAX_LENGTH or len(quote) > QUOTE_MAX_LENGTH:
        raise QuestionRefused(QuestionRefused.TOO_LONG)
    if not Membership.objects.filter(knowledge=golden.knowledge_id, document=expected.document).exists():
        raise QuestionRefused(QuestionRefused.NO_DOCUMENT)
    golden.question, golden.document, golden.document_name = question, expected.document, expected.document.name
    golden.document_owner_id = expected.document.owner_id
    golden.quote, golden.start, golden.end, golden.page, golden.page_name = "", None, None, None, ""
    if quote:
        lead = len(expected.quote) - len(expected.quote.lstrip())
        span = _place_of(expected.document, quote, None if expected.start is None else expected.start + lead)
        if span is None:
            raise QuestionRefused(QuestionRefused.NO_QUOTE)
        _fill_place(golden, expected.document, *span)


def _fill_place(golden: GoldenQuestion, document: Document, start: int, end: int) -> None:
    golden.start, golden.end = start, end
    # As it stands there: what people paste may have other spaces and line ends.
    golden.quote = _text_at(document.pk, start, end)
    chunk = Chunk.objects.filter(document=document, start__lte=start, end__gt=start).order_by("position").first()
    if chunk:
        golden.page, golden.page_name = chunk.page, chunk.page_name


def _refuse_known(golden: GoldenQuestion) -> None:
    """Refuse a question that is there already with the same document and the same words."""
    same = GoldenQuestion.objects.filter(
        knowledge=golden.knowledge, question=golden.question, document=golden.document, quote=golden.quote
    )
    if same.exclude(pk=golden.pk).exists():
        raise QuestionRefused(QuestionRefused.KNOWN)


# ---- where the expected words stand ----------------------------------------------------------------


def expected_span(golden: GoldenQuestion) -> Span | Unfindable:
    """Return where a search should lead now, or why it cannot. Reads the whole text only when the words have moved."""
    document = golden.document
    if document is None or not Membership.objects.filter(knowledge=golden.knowledge_id, document=document).exists():
        return Unfindable.DOCUMENT_GONE
    if not document.is_ready:
        return Unfindable.DOCUMENT_UNREAD
    if not golden.quote:
        return Span(document_id=document.pk)
    found = _place_of(document, golden.quote, golden.start)
    if found is None:
        return Unfindable.QUOTE_GONE
    return Span(document_id=document.pk, start=found[0], end=found[1])


def _place_of(document: Document, quote: str, start: int | None) -> tuple[int, int] | None:
    """Return where a quote stands; of several places the one where it is said to begin, or else the first."""
    if start is not None and _text_at(document.pk, start, start + len(quote)) == quote:
        return start, start + len(quote)
    text = ExtractedText.objects.filter(document=document).values_list("text", flat=True).first() or ""
    # Line ends and runs of spaces differ between what people copy and what was read.
    found = re.search(r"\s+".join(map(re.escape, quote.split())), text)
    return found.span() if found else None


def _text_at(document_id: int, start: int, end: int) -> str:
    piece = Substr("text", start + 1, end - start)
    return ExtractedText.objects.filter(document=document_id).values_list(piece, flat=True).first() or ""


# ---- carrying them elsewhere -------------------------------------------------------------------------


def exported(questions: Iterable[GoldenQuestion]) -> list[dict[str, str]]:
    """Return questions as rows that `import_questions` takes, with documents by their names."""
    return [
        {
            "question": golden.question,
            "document": golden.shown_name,
            "quote": golden.quote,
        }
        for golden in questions
    ]


def import_questions(
    knowledge: Knowledge, rows: Sequence[Mapping[str, str]], *, made_by: AbstractBaseUser
) -> ImportReport:
    """Keep all rows that can be kept; a question that is there already is not kept twice."""
    n_new, refusals = 0, []
    for number, row in enumerate(rows, 1):
        name, quote = row.get("document", ""), row.get("quote", "")
        try:
            document = _document_named(knowledge, name, quote)
            create_question(
                knowledge, row.get("question", ""), Expected(document=document, quote=quote), made_by=made_by
            )
        except QuestionRefused as exc:
            refusals.append(Refusal(row=number, reason=exc.reason, document_name=name))
        else:
            n_new += 1
    known = [refusal for refusal in refusals if refusal.reason == QuestionRefused.KNOWN]
    return ImportReport(
        n_new=n_new,
        n_known=len(known),
        refusals=tuple(refusal for refusal in refusals if refusal not in known),
    )


def _document_named(knowledge: Knowledge, name: str, quote: str) -> Document:
    """Return the document of that name; of several the one that holds the quote."""
    named = list(knowledge.documents.filter(name=name.strip()).order_by("pk")[:20])
    if len(named) > 1 and quote.strip():
        named = [document for document in named if _place_of(document, quote.strip(), None)]
    if not named:
        raise QuestionRefused(QuestionRefused.NO_DOCUMENT)
    if len(named) > 1:
        raise QuestionRefused(QuestionRefused.SEVERAL_DOCUMENTS)
    return named[0]
