"""Golden questions, and how the search fared with them."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rag.models.documents import Document
from rag.models.knowledge import Knowledge

QUESTION_MAX_LENGTH = 2000
QUOTE_MAX_LENGTH = 4000


class GoldenQuestion(models.Model):
    """A question and where its answer is known to stand: what a search in this knowledge is tried by."""

    class Origin(models.TextChoices):
        HAND = "hand", _("Entered by hand")
        ANSWER = "answer", _("Kept from an answer")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    knowledge = models.ForeignKey(Knowledge, on_delete=models.CASCADE, related_name="golden_questions")
    question = models.TextField(max_length=QUESTION_MAX_LENGTH)
    document = models.ForeignKey(
        Document, on_delete=models.SET_NULL, null=True, blank=True, related_name="golden_questions"
    )
    # What is left of a document that is deleted, for the eyes of whom it belonged to.
    document_name = models.CharField(max_length=255)
    document_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # The words that answer it; empty: any passage of the document does.
    quote = models.TextField(max_length=QUOTE_MAX_LENGTH, blank=True)
    # Where they stood when this was entered, in the document's text; looked for again once it was read anew.
    start = models.PositiveIntegerField(null=True, blank=True)
    end = models.PositiveIntegerField(null=True, blank=True)
    page = models.PositiveIntegerField(null=True, blank=True)
    page_name = models.CharField(max_length=200, blank=True)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.HAND)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(question=""), name="rag_golden_question_not_empty"),
            models.CheckConstraint(
                condition=models.Q(quote="", start=None, end=None) | models.Q(end__gt=models.F("start")),
                name="rag_golden_question_span_of_quote",
            ),
        ]

    def __str__(self) -> str:
        return f"golden question {self.uuid}"

    @property
    def shown_name(self) -> str:
        """The document's name, of now or of when it was deleted. Reads `document`; one query if not selected."""
        return self.document.name if self.document else self.document_name


class Evaluation(models.Model):
    """One run of a knowledge's golden questions through the search that answers use."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")
        FAILED = "failed", _("Failed")

    class Reason(models.TextChoices):
        ASKED = "asked", _("Run by hand")
        FIRST = "first", _("First run")
        EMBEDDER = "embedder", _("Another embedding model")
        CHUNKER = "chunker", _("Documents cut in another way")
        SEARCH = "search", _("Another way to search")
        DOCUMENTS = "documents", _("Documents changed")
        QUESTIONS = "questions", _("Questions changed")

    ACTIVE_STATES: ClassVar[tuple[str, ...]] = (State.QUEUED, State.RUNNING)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    knowledge = models.ForeignKey(Knowledge, on_delete=models.CASCADE, related_name="evaluations")
    # Who pressed the button; None: it ran by itself.
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=10, choices=Reason.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    # Why it failed: what kept meanings from being compared, as a trace names it, or `crashed`; never a sentence.
    error = models.CharField(max_length=40, blank=True)
    # Begun so many times since it last got through a question.
    n_attempts = models.PositiveIntegerField(default=0)
    # What it ran under: embedder, digest, dimensions, chunker, search, reranker; and what of documents and questions
    # it saw.
    configuration = models.JSONField(default=dict)
    documents_mark = models.CharField(max_length=200, blank=True)
    questions_mark = models.CharField(max_length=200, blank=True)
    n_questions = models.PositiveIntegerField(default=0)
    # {"1": 0.5, ...} by k, and the mean reciprocal rank; None until it is finished.
    recall = models.JSONField(default=dict)
    mrr = models.FloatField(null=True)
    # Questions found that were not in the run before, and the other way round.
    n_found = models.PositiveIntegerField(default=0)
    n_lost = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["knowledge"],
                condition=models.Q(state__in=["queued", "running"]),
                name="rag_evaluation_one_active",
            ),
        ]
        indexes = [
            # A knowledge's runs, the newest first.
            models.Index(fields=["knowledge", "-created_at", "-id"], name="rag_evaluation_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.state} evaluation {self.uuid}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE_STATES


class EvaluationResult(models.Model):
    """What came back for one question in one run."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="results")
    question = models.ForeignKey(GoldenQuestion, on_delete=models.CASCADE, related_name="results")
    # From 1; of the expected passage, and of the first one from its document. None: not among the passages.
    rank = models.PositiveIntegerField(null=True)
    document_rank = models.PositiveIntegerField(null=True)
    # Why it cannot be found at all: a `rag.types.Unfindable`.
    problem = models.CharField(max_length=40, blank=True)
    # [[document id, start, end], ...], best first.
    passages = models.JSONField(default=list)
    took_s = models.FloatField()

    class Meta:
        ordering = ["question"]
        constraints = [
            models.UniqueConstraint(fields=["evaluation", "question"], name="rag_evaluation_result_unique"),
        ]

    def __str__(self) -> str:
        return f"result of question {self.question_id} in evaluation {self.evaluation_id}"
