"""Documents, their chunks, and the versions of the vector index."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Document(models.Model):
    """One uploaded file with its extracted text."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        EXTRACTING = "extracting", _("Reading")
        EMBEDDING = "embedding", _("Indexing")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="documents")
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=100)
    file = models.FileField(upload_to="documents/")
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    text = models.TextField(blank=True)
    # [[start, end], ...] offsets into `text`, one pair a page, in order; empty for files without pages.
    page_spans = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    # A code of `rag.errors`, never a sentence; the sentence is made where it is shown.
    error = models.CharField(max_length=40, blank=True)
    n_chunks = models.PositiveIntegerField(default=0)
    n_chunks_done = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            # readable_documents(): one person's documents, newest first.
            models.Index(fields=["owner", "-created_at", "-id"], name="rag_document_by_owner"),
            # The ingestion loop looks for unfinished documents, oldest first.
            models.Index(
                fields=["created_at"],
                condition=models.Q(state__in=["queued", "extracting", "embedding"]),
                name="rag_document_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def n_pages(self) -> int:
        return len(self.page_spans)

    @property
    def is_ready(self) -> bool:
        return self.state == self.State.READY

    @property
    def is_unfinished(self) -> bool:
        return self.state not in (self.State.READY, self.State.FAILED)


class IndexVersion(models.Model):
    """One way of turning chunks into vectors; vectors of different versions never meet."""

    embedder = models.CharField(max_length=200)
    embedder_digest = models.CharField(max_length=64, blank=True)
    n_dims = models.PositiveIntegerField()
    chunker = models.CharField(max_length=40)
    is_current = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["embedder", "embedder_digest", "n_dims", "chunker"], name="rag_index_version_unique"
            ),
            models.UniqueConstraint(
                fields=["is_current"], condition=models.Q(is_current=True), name="rag_index_version_one_current"
            ),
        ]


class Chunk(models.Model):
    """A contiguous piece of a document's text, the unit that is embedded."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="chunks")
    position = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    # 1-based; None for files without pages.
    page = models.PositiveIntegerField(null=True)
    text = models.TextField()

    class Meta:
        ordering = ["document", "position"]
        constraints = [
            models.UniqueConstraint(fields=["document", "position"], name="rag_chunk_position_unique"),
            models.CheckConstraint(condition=models.Q(end__gt=models.F("start")), name="rag_chunk_span_not_empty"),
        ]
