"""Runs of golden questions: when one is due, what it ran under, what it found, and what differs from the one before.

A run whose knowledge or configuration changes under it begins again; one that is cut off goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Count, F, Max, Sum
from django.utils import timezone

from rag import conf, retrieval, waking
from rag.evaluation import measures
from rag.models import Document, Evaluation, EvaluationResult, GoldenQuestion, Knowledge, Membership
from rag.queries import current_version, knowledge_readable_by
from rag.services.questions import MAX_QUESTIONS, expected_span
from rag.types import Passage, Unfindable

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

LIMIT = max(measures.CUTS)
"""Passages asked for; answers get fewer, in the same order."""
MAX_ATTEMPTS = 5
KEPT_RUNS = 50

CRASHED = "crashed"
UNREADABLE = "unreadable"
"""Whoever asked for the run may not read the knowledge any more."""

Reason = Evaluation.Reason
State = Evaluation.State


@dataclass(frozen=True, slots=True)
class Marks:
    """What a run depends on. Equal marks: the same questions would find the same passages."""

    configuration: Mapping[str, Any]
    documents: str
    questions: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One question to ask, and where it should lead."""

    question_id: int
    question: str
    expected: measures.Span | Unfindable


# ---- when --------------------------------------------------------------------------------------------


def ask_for_run(knowledge: Knowledge, asked_by: AbstractBaseUser) -> Evaluation:
    """Queue a run. One that somebody waits for already comes back instead; one by itself becomes this person's."""
    with transaction.atomic():
        Knowledge.objects.select_for_update().get(pk=knowledge.pk)
        run = knowledge.evaluations.filter(state__in=Evaluation.ACTIVE_STATES).first()
        if run is None:
            run = Evaluation.objects.create(knowledge=knowledge, asked_by_id=asked_by.pk, reason=Reason.ASKED)
        elif run.asked_by_id is None:
            run.asked_by_id, run.reason = asked_by.pk, Reason.ASKED
            run.save(update_fields=["asked_by", "reason"])
        transaction.on_commit(waking.evaluations)
    return run


def active_runs() -> list[Evaluation]:
    """Return the runs that wait or were cut off, those that somebody waits for first; give up those cut off too often.

    Call where nothing runs.
    """
    active = Evaluation.objects.filter(state__in=Evaluation.ACTIVE_STATES).select_related("knowledge")
    for run in active.filter(n_attempts__gte=MAX_ATTEMPTS):
        fail(run, CRASHED)
    return list(active.order_by(F("asked_by").asc(nulls_last=True), "created_at"))


def is_ingestion_idle() -> bool:
    """Whether no document is being read or indexed, those that wait for their next try aside."""
    return not Document.objects.filter(state__in=Document.UNFINISHED_STATES, retry_at=None).exists()


def must_stand_back(run: Evaluation) -> bool:
    """Whether a run by itself is to wait: documents are being read, or somebody waits for another run."""
    if run.asked_by_id is not None:
        return False
    waited_for = Evaluation.objects.filter(state__in=Evaluation.ACTIVE_STATES, asked_by__isnull=False)
    return waited_for.exists() or not is_ingestion_idle()


def marks_now() -> dict[int, Marks]:
    """Return the marks of every knowledge with golden questions, by its id. Four queries."""
    questions = GoldenQuestion.objects.order_by().values("knowledge")
    asked = questions.annotate(n=Count("pk"), last=Max("updated_at"), ids=Sum("pk"))
    questions_marks = {row["knowledge"]: _mark(row) for row in asked}
    members = Membership.objects.filter(knowledge__in=list(questions_marks), document__state=Document.State.READY)
    held = members.order_by().values("knowledge")
    documents_marks = {
        row["knowledge"]: _mark(row)
        for row in held.annotate(n=Count("pk"), last=Max("document__updated_at"), ids=Sum("document_id"))
    }
    configuration = configuration_now()
    return {
        knowledge: Marks(configuration, documents_marks.get(knowledge, ""), mark)
        for knowledge, mark in questions_marks.items()
    }


def _mark(row: Mapping[str, Any]) -> str:
    return f"{row['n']} {row['ids']} {row['last'].isoformat()}"


def configuration_now() -> dict[str, Any]:
    """Return what decides, beside documents and questions, which passages are found."""
    version = current_version()
    index: dict[str, Any] = {"embedder": "", "digest": "", "n_dims": 0, "chunker": ""}
    if version:
        index = {
            "embedder": version.embedder,
            "digest": version.embedder_digest,
            "n_dims": version.n_dims,
            "chunker": version.chunker,
        }
    return {**index, "search": retrieval.NAME, "reranker": conf.reranker()}


def is_due(knowledge_id: int, marks: Marks, retry_before: Any) -> bool:
    """Whether a knowledge's newest run was under other marks, or failed before a time, and not too often."""
    last = Evaluation.objects.filter(knowledge=knowledge_id).first()
    if last is None or marks_of(last) != marks:
        return True
    return last.state == State.FAILED and last.n_attempts < MAX_ATTEMPTS and last.finished_at <= retry_before


def begin_due_run(knowledge_id: int, marks: Marks) -> Evaluation | None:
    """Queue a run that nobody asked for; None when the knowledge is gone, or its owner may not read it now."""
    with transaction.atomic():
        knowledge = Knowledge.objects.select_for_update().filter(pk=knowledge_id).first()
        if knowledge is None or not knowledge_readable_by(knowledge.owner_id).filter(pk=knowledge_id).exists():
            return None
        last = knowledge.evaluations.first()
        if last and last.is_active:
            return last
        if last and last.state == State.FAILED and marks_of(last) == marks:
            # One line in the history for all tries.
            Evaluation.objects.filter(pk=last.pk).update(state=State.QUEUED, error="", finished_at=None)
            last.refresh_from_db()
            return last
        return Evaluation.objects.create(knowledge=knowledge, reason=_reason(last, marks))


def _reason(last: Evaluation | None, marks: Marks) -> str:
    if last is None:
        return Reason.FIRST
    before, now = last.configuration, marks.configuration
    if any(before.get(name) != now[name] for name in ("embedder", "digest", "n_dims")):
        return Reason.EMBEDDER
    if before.get("chunker") != now["chunker"]:
        return Reason.CHUNKER
    if before != now:
        return Reason.SEARCH
    return Reason.DOCUMENTS if last.documents_mark != marks.documents else Reason.QUESTIONS


def marks_of(run: Evaluation) -> Marks:
    return Marks(run.configuration, run.documents_mark, run.questions_mark)


# ---- one run -----------------------------------------------------------------------------------------


def take_up(run: Evaluation) -> list[Trial]:
    """Mark a run as running and return the questions that it has no result for yet.

    What it found under other marks, before it was cut off, is forgotten.
    """
    marks = marks_now().get(run.knowledge_id) or Marks(configuration_now(), "", "")
    questions = list(run.knowledge.golden_questions.select_related("document")[:MAX_QUESTIONS])
    with transaction.atomic():
        if (run.configuration, run.documents_mark) != (marks.configuration, marks.documents):
            run.results.all().delete()
        run.configuration = dict(marks.configuration)
        run.documents_mark, run.questions_mark = marks.documents, marks.questions
        run.n_questions, run.state, run.n_attempts = len(questions), State.RUNNING, run.n_attempts + 1
        Evaluation.objects.filter(pk=run.pk).update(
            configuration=run.configuration, documents_mark=run.documents_mark, questions_mark=run.questions_mark,
            n_questions=run.n_questions, state=run.state, n_attempts=run.n_attempts,
        )  # fmt: skip
    done = set(run.results.values_list("question", flat=True))
    return [Trial(row.pk, row.question, expected_span(row)) for row in questions if row.pk not in done]


def reader_of(run: Evaluation) -> int | None:
    """Return the id of the person in whose name passages are looked for; None when they may not read it now."""
    reader = run.asked_by_id or run.knowledge.owner_id
    return reader if knowledge_readable_by(reader).filter(pk=run.knowledge_id).exists() else None


def record(run: Evaluation, trial: Trial, passages: Sequence[Passage], took_s: float) -> None:
    """Keep what came back for a question; nothing when question or run are gone meanwhile."""
    places = places_of(passages)
    rank, document_rank, problem = _ranks(trial.expected, places)
    with transaction.atomic():
        # Attempts are counted from the last question that was got through.
        is_there = Evaluation.objects.filter(pk=run.pk).update(n_attempts=0)
        if not is_there or not GoldenQuestion.objects.filter(pk=trial.question_id).exists():
            return
        EvaluationResult.objects.update_or_create(
            evaluation=run,
            question_id=trial.question_id,
            defaults={
                "rank": rank,
                "document_rank": document_rank,
                "problem": problem,
                "passages": [[place.document_id, place.start, place.end] for place in places],
                "took_s": took_s,
            },
        )


def places_of(passages: Sequence[Passage]) -> list[measures.Span]:
    return [measures.Span(document_id=p.document_id, start=p.start, end=p.end) for p in passages]


def _ranks(expected: measures.Span | Unfindable, places: Sequence[measures.Span]) -> tuple[int | None, int | None, str]:
    """Return the ranks of the expected passage and of its document, and why there can be none."""
    if isinstance(expected, Unfindable):
        return None, None, expected.value
    whole = measures.Span(document_id=expected.document_id)
    return measures.rank_of(expected, places), measures.rank_of(whole, places), ""


def finish(run: Evaluation) -> bool:
    """Close a run with its figures; return False, and queue it again, when its marks are not those of now any more."""
    now = marks_now().get(run.knowledge_id)
    with transaction.atomic():
        if now is not None and marks_of(run) != now:
            Evaluation.objects.filter(pk=run.pk).update(state=State.QUEUED, n_attempts=0)
            return False
        figures = measures.measure(list(run.results.values_list("rank", flat=True)))
        run.state, run.error, run.finished_at = State.FINISHED, "", timezone.now()
        run.n_questions, run.mrr = figures.n_questions, figures.mrr
        run.recall = {str(k): share for k, share in figures.recall.items()}
        changes = changes_of(run)
        Evaluation.objects.filter(pk=run.pk).update(
            state=run.state, error="", finished_at=run.finished_at, n_questions=run.n_questions, mrr=run.mrr,
            recall=run.recall, n_found=len(changes.found), n_lost=len(changes.lost),
        )  # fmt: skip
    _forget_old_runs(run.knowledge_id)
    return True


def fail(run: Evaluation, error: str) -> None:
    Evaluation.objects.filter(pk=run.pk).update(state=State.FAILED, error=error[:40], finished_at=timezone.now())


def _forget_old_runs(knowledge_id: int) -> None:
    runs = Evaluation.objects.filter(knowledge=knowledge_id)
    kept = list(runs.values_list("pk", flat=True)[:KEPT_RUNS])
    runs.exclude(pk__in=kept).exclude(state__in=Evaluation.ACTIVE_STATES).delete()


# ---- what differs --------------------------------------------------------------------------------------


def run_before(run: Evaluation) -> Evaluation | None:
    """Return the finished run before this one."""
    runs = Evaluation.objects.filter(knowledge=run.knowledge_id, state=State.FINISHED, pk__lt=run.pk)
    return runs.first()


def n_newly_lost(knowledge: Knowledge) -> int:
    """Return how many questions the last finished run has lost against the one before it."""
    runs = knowledge.evaluations.filter(state=State.FINISHED)
    return runs.values_list("n_lost", flat=True).first() or 0


def ranks_of(run: Evaluation) -> dict[int, int | None]:
    return dict(run.results.values_list("question", "rank"))


def changes_of(run: Evaluation) -> measures.Changes:
    """Return which questions this run newly found and newly lost."""
    before = run_before(run)
    return measures.compare(ranks_of(before) if before else {}, ranks_of(run))
