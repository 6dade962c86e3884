"""What the pages of golden questions are given, and their words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rag import api as rag
from rag.errors import QuestionRefused
from rag.types import Unfindable
from webui.documents import wording
from webui.documents.knowledge_contexts import KnowledgeRow
from webui.documents.links import passage_page_url
from webui.documents.question_files import BadFile

HISTORY = 10
QUOTE_CHARACTERS = 220

_UNFINDABLE: dict[str, str | Promise] = {
    Unfindable.DOCUMENT_GONE: gettext_lazy("Its document is not here any more"),
    Unfindable.DOCUMENT_UNREAD: gettext_lazy("Its document is not indexed"),
    Unfindable.QUOTE_GONE: gettext_lazy("The document does not say this any more"),
}
_FAILURES: dict[str, str | Promise] = {
    "ModelNotFound": gettext_lazy("The embedding model is not there."),
    "ModelLoadFailed": gettext_lazy("The embedding model could not be loaded."),
    "OutOfMemory": gettext_lazy("There was no memory for the embedding model."),
    "embedder changed": gettext_lazy("Another embedding model answers to the name of the one that made the index."),
    "reranker": gettext_lazy("The reranking model did not answer, so the order would not be the usual one."),
    "unreadable": gettext_lazy("Whoever asked for it may not read this knowledge any more."),
    "crashed": gettext_lazy("Something unexpected happened; the log of the server tells more."),
}
_OTHER_FAILURE = gettext_lazy("The embedding model did not answer, so nothing could be compared.")
_REFUSALS: dict[str, str | Promise] = {
    QuestionRefused.EMPTY: gettext_lazy("A question is missing."),
    QuestionRefused.TOO_LONG: gettext_lazy("The question or the passage is too long."),
    QuestionRefused.TOO_MANY: gettext_lazy("There are too many questions in this knowledge."),
    QuestionRefused.KNOWN: gettext_lazy("This question is there already."),
    QuestionRefused.NO_DOCUMENT: gettext_lazy("This document is not in the knowledge."),
    QuestionRefused.SEVERAL_DOCUMENTS: gettext_lazy("Several documents have this name."),
    QuestionRefused.NO_QUOTE: gettext_lazy("The document does not hold these words."),
}
_BAD_FILES: dict[str, str | Promise] = {
    BadFile.NOT_TEXT: gettext_lazy("This file is not a text in UTF-8."),
    BadFile.NOT_JSON: gettext_lazy("A JSON file holds a list of objects with question, document and quote."),
    BadFile.NOT_CSV: gettext_lazy("A CSV file begins with a line that names question, document and quote."),
    BadFile.NO_ROWS: gettext_lazy("There are no questions in this file."),
    BadFile.TOO_MANY: gettext_lazy("There are too many questions in this file."),
}


def refusal_in_words(error: QuestionRefused | rag.Refusal) -> str:
    return str(_REFUSALS[error.reason])


def bad_file_in_words(error: BadFile) -> str:
    return str(_BAD_FILES[error.reason])


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of a run.

    Attributes:
        term: What specialists call it.
        change: How it differs from the run before, with its sign; empty when it does not.
    """

    name: str
    term: str
    value: str
    change: str
    is_better: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRow:
    """One question with how it fared in the last run.

    Attributes:
        document_name: Empty when the reader may not know of the document; then `quote` and `url` are too.
        mood: success, danger, or empty for one that was not asked yet.
        change: What is new against the run before; empty when nothing is.
        is_turned: It was found before and is not now, or the other way round.
    """

    uuid: str
    question: str
    document_name: str
    place: str
    quote: str
    url: str
    verdict: str
    mood: str
    change: str
    is_turned: bool

    dom_noun = "question"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run of the history. Figures are empty for one that is not finished."""

    reason: str
    at: datetime
    n_questions: int
    embedder: str
    recall: Sequence[str]
    mrr: str
    failure: str
    n_found: int
    n_lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A run that waits or is under way."""

    n_done: int
    n_questions: int

    @property
    def percent(self) -> int:
        return 100 * self.n_done // self.n_questions if self.n_questions else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionsPage:
    """The golden questions of a knowledge.

    Attributes:
        figures: Of the last finished run, over the questions shown; empty before the first.
        last: That run, or a newer one that failed.
        history: For those who may change the questions; the newest run first.
    """

    knowledge: KnowledgeRow
    rows: Sequence[QuestionRow]
    figures: Sequence[Figure]
    n_found: int
    n_lost: int
    last: RunRow | None
    running: Running | None
    history: Sequence[RunRow]
    may_write: bool
    cuts: Sequence[int] = rag.CUTS
    sidebar: None = None


Results = Mapping[int, rag.EvaluationResult]


def figures_of(now: Results, before: Results, shown: Iterable[int]) -> list[Figure]:
    """Return recall and mean reciprocal rank over the questions shown, with the difference to the run before."""
    ids = list(shown)
    ranks = [now[pk].rank for pk in ids if pk in now]
    if not ranks:
        return []
    measures = rag.measure(ranks)
    earlier = [before[pk].rank for pk in ids if pk in before]
    old = rag.measure(earlier) if earlier else None
    figures = [
        _figure(_found_within(k), _("Recall@%(k)d") % {"k": k}, share, old.recall[k] if old else None, 2)
        for k, share in measures.recall.items()
    ]
    mean_name, mean_term = _("Mean 1 / place"), _("Mean reciprocal rank (MRR)")
    return [*figures, _figure(mean_name, mean_term, measures.mrr, old.mrr if old else None, 3)]


def _found_within(k: int) -> str:
    return ngettext("At place %(k)d", "In the first %(k)d", k) % {"k": k}


def _figure(name: str, term: str, value: float, old: float | None, n_digits: int) -> Figure:
    change = round(value, n_digits) - round(old, n_digits) if old is not None else 0.0
    differs = abs(change) >= 10**-n_digits / 2
    return Figure(
        name=name,
        term=term,
        value=f"{value:.{n_digits}f}",
        change=f"{change:+.{n_digits}f}".replace("-", "\u2212") if differs else "",
        is_better=change > 0,
    )


def question_row(golden: rag.GoldenQuestion, *, is_told: bool, now: Results, before: Results) -> QuestionRow:
    result, old = now.get(golden.pk), before.get(golden.pk)
    document = golden.document if is_told else None
    verdict, mood = _verdict(result)
    url = ""
    if document and document.is_ready:
        url = passage_page_url(document.uuid, page=golden.page, start=golden.start or 0, end=golden.end or 0)
    kind = document.page_kind if document else "page"
    return QuestionRow(
        uuid=str(golden.uuid),
        question=golden.question,
        document_name=golden.shown_name if is_told else "",
        place=wording.place_in_words(kind, golden.page, golden.page_name) if document else "",
        quote=shortened(golden.quote) if is_told else "",
        url=url,
        verdict=verdict,
        mood=mood,
        change=_change(result, old),
        is_turned=bool(result and old and (result.rank is None) != (old.rank is None)),
    )


def shortened(quote: str) -> str:
    words = " ".join(quote.split())
    return words if len(words) <= QUOTE_CHARACTERS else f"{words[:QUOTE_CHARACTERS].rstrip()}…"


def _verdict(result: rag.EvaluationResult | None) -> tuple[str, str]:
    if result is None:
        return _("Not asked yet"), ""
    if result.problem:
        return str(_UNFINDABLE[result.problem]), "danger"
    if result.rank:
        return _("Place %(n)d") % {"n": result.rank}, "success"
    if result.document_rank:
        return _("Not found; another passage of the document at place %(n)d") % {"n": result.document_rank}, "danger"
    return _("Not found"), "danger"


def _change(result: rag.EvaluationResult | None, old: rag.EvaluationResult | None) -> str:
    if result is None or old is None or result.rank == old.rank:
        return ""
    if old.rank is None:
        return _("Newly found")
    if result.rank is None:
        return _("Newly lost")
    return _("Was at place %(n)d") % {"n": old.rank}


def urgency(row: QuestionRow) -> int:
    """Order of the list: what was lost, what is not found, what was not asked, what is well."""
    if row.mood == "danger":
        return 0 if row.change else 1
    return 3 if row.mood else 2


def run_row(run: rag.Evaluation) -> RunRow:
    is_finished = run.state == rag.Evaluation.State.FINISHED
    return RunRow(
        reason=run.get_reason_display(),
        at=run.finished_at or run.created_at,
        n_questions=run.n_questions,
        embedder=run.configuration.get("embedder", ""),
        recall=[number_format(run.recall[str(k)], decimal_pos=2) for k in rag.CUTS] if is_finished else [],
        mrr=number_format(run.mrr, decimal_pos=3) if run.mrr is not None and is_finished else "",
        n_found=run.n_found,
        n_lost=run.n_lost,
        failure=str(_FAILURES.get(run.error, _OTHER_FAILURE)) if run.state == rag.Evaluation.State.FAILED else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What may be expected as the answer of a question; `value` is what the form sends."""

    value: str
    title: str
    text: str
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionPage:
    """The form for one question. `uuid` is empty for a new one; `asked` is False before anything was searched."""

    knowledge: KnowledgeRow
    uuid: str
    passages: Sequence[Choice]
    documents: Sequence[Choice]
    asked: bool
    sidebar: None = None
