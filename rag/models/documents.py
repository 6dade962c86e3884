"""Uploaded files with their text, and what a deleted one leaves behind."""

from __future__ import annotations

import uuid
from typing import ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from rag import conf
from rag.types import PDF, PICTURES, PageKind, page_kind


def stored_name(document: Document, filename: str) -> str:
    """Name the stored file after the document alone: what a person calls a file is never part of a path."""
    return f"documents/{document.uuid.hex}"


class Document(models.Model):
    """One uploaded file. Its text lies apart, so that listing documents never reads it."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        EXTRACTING = "extracting", _("Reading")
        EMBEDDING = "embedding", _("Indexing")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")

    UNFINISHED_STATES: ClassVar[tuple[str, ...]] = (State.QUEUED, State.EXTRACTING, State.EMBEDDING)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="documents")
    # For people's eyes only; the stored file is named by `stored_name`.
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=100)
    file = models.FileField(upload_to=stored_name)
    # Of a page fetched from the web: its address as asked for, and when; empty for uploads.
    source_url = models.CharField(max_length=2000, blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    # A `rag.types.Problem`, never a sentence. With a state that is not FAILED: why the last try did not succeed.
    error = models.CharField(max_length=40, blank=True)
    n_pages = models.PositiveIntegerField(default=0)
    # Pages that are pictures of text, and how many of them text recognition has read.
    n_scanned = models.PositiveIntegerField(default=0)
    n_recognised = models.PositiveIntegerField(default=0)
    # [7, 12]: numbers of pages and slides that are damaged and were left out; the first ones, if there are many.
    damaged_pages = models.JSONField(default=list)
    n_chunks = models.PositiveIntegerField(default=0)
    # A `rag.lexical.words.NAME`: how its words were indexed.
    words = models.CharField(max_length=40, blank=True)
    # How far its first way into the index in use is, for people's eyes; what counts is its `IndexEntry`.
    n_chunks_done = models.PositiveIntegerField(default=0)
    # When the reading of scans, or the indexing, last began, and how much of it had been done before.
    work_since = models.DateTimeField(null=True, blank=True)
    work_before = models.PositiveIntegerField(default=0)
    # Ingestions begun since the upload or the last success; a file that ends the process is given up.
    n_attempts = models.PositiveIntegerField(default=0)
    # The process that works on it says so anew again and again; when this time has passed, it is there no more.
    leased_until = models.DateTimeField(null=True, blank=True)
    # Not taken up before this time; None: at once.
    retry_at = models.DateTimeField(null=True, blank=True)
    # Whose file this is a copy of; None: somebody uploaded it. Changed by what happens in that folder alone.
    synced_folder = models.ForeignKey(
        "SyncedFolder", on_delete=models.CASCADE, null=True, blank=True, related_name="documents"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            # The same file is kept, and embedded, once a person, and once a synced folder.
            models.UniqueConstraint(
                fields=["owner", "sha256"],
                condition=models.Q(synced_folder=None),
                name="rag_document_once_per_owner",
            ),
            models.UniqueConstraint(
                fields=["synced_folder", "sha256"],
                condition=models.Q(synced_folder__isnull=False),
                name="rag_document_once_per_folder",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "extracting", "embedding", "ready", "failed"]),
                name="rag_document_state_known",
            ),
        ]
        indexes = [
            # documents_of(): one person's documents, newest first.
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
    def is_ready(self) -> bool:
        return self.state == self.State.READY

    @property
    def has_failed(self) -> bool:
        return self.state == self.State.FAILED

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED_STATES

    @property
    def work(self) -> tuple[int, int]:
        """How many pages or chunks of how many are done in the step that runs; (0, 0) when that is not known."""
        if self.state == self.State.EXTRACTING:
            return self.n_recognised, self.n_scanned
        return (self.n_chunks_done, self.n_chunks) if self.state == self.State.EMBEDDING else (0, 0)

    def seconds_left(self) -> int | None:
        """Return how long the step that runs will take at the pace it has; None before there is one."""
        n_done, n_total = self.work
        n_now = n_done - self.work_before
        if self.work_since is None or n_now <= 0 or self.retry_at:
            return None
        elapsed_s = (self.updated_at - self.work_since).total_seconds()
        return max(1, round(elapsed_s / n_now * (n_total - n_done)))

    @property
    def source_host(self) -> str:
        """The host of a page from the web; empty for uploads."""
        return urlsplit(self.source_url).hostname or ""

    @property
    def has_unread_scans(self) -> bool:
        return self.is_ready and self.n_scanned > self.n_recognised

    @property
    def is_synced(self) -> bool:
        return self.synced_folder_id is not None

    @property
    def page_kind(self) -> PageKind:
        return page_kind(self.media_type)

    @property
    def is_drawn(self) -> bool:
        """Whether its pages can be shown as they look."""
        return self.media_type in (PDF, *PICTURES)


class ExtractedText(models.Model):
    """The text of a document; all offsets of chunks, passages and citations count in it."""

    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True, related_name="extracted")
    text = models.TextField()
    # [[start, end], ...], one pair a page, slide, sheet or section, in order; empty for files without.
    page_spans = models.JSONField(default=list)
    # ["Budget", ...], one each; empty when they have numbers only.
    page_names = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"text of document {self.document_id}"


class RecognisedPage(models.Model):
    """What text recognition read on a page that is a picture. Kept page by page: it takes seconds for each."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="recognised_pages")
    # From 1.
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    # [[start, end, x, y, width, height], ...]: the span of each word in `text`, and its box on the page in points.
    words = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="rag_recognised_page_once")]

    def __str__(self) -> str:
        return f"page {self.number} of document {self.document_id}"


class Removal(models.Model):
    """What a deleted document left outside the database. Written in the transaction that deletes it.

    One for each store that may hold its vectors: one that was configured before is emptied of them, or left, later.
    """

    document_id = models.BigIntegerField()
    document_uuid = models.UUIDField()
    # Empty once it is removed.
    file = models.CharField(max_length=255, blank=True)
    # A `conf.store_name`.
    store = models.CharField(max_length=conf.STORE_NAME_MAX_LENGTH, default=conf.CHROMA)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document_id", "store"], name="rag_removal_once_a_store")]

    def __str__(self) -> str:
        return f"removal of document {self.document_id}"
