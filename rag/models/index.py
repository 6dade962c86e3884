"""Chunks, the versions of the vector index, and how far each document is in them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rag import conf
from rag.models.documents import Document
from rag.types import Scale


class Chunk(models.Model):
    """A contiguous piece of a document's text, the unit that is embedded.

    A document is cut once for each chunker that an index version was made with, so that the version in use keeps its
    chunks while another one is built.
    """

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="chunks")
    chunker = models.CharField(max_length=40)
    position = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    # 1-based; None for files without pages.
    page = models.PositiveIntegerField(null=True)
    # Of its sheet; for files without pages the headings above it.
    page_name = models.CharField(max_length=200, blank=True)
    text = models.TextField()

    class Meta:
        ordering = ["document", "position"]
        constraints = [
            models.UniqueConstraint(fields=["document", "chunker", "position"], name="rag_chunk_position_unique"),
            models.CheckConstraint(condition=models.Q(end__gt=models.F("start")), name="rag_chunk_span_not_empty"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.position} of document {self.document_id}"


class IndexVersion(models.Model):
    """One way of turning chunks into vectors; vectors of different versions never meet."""

    class State(models.TextChoices):
        BUILDING = "building", _("Being built")
        CURRENT = "current", _("In use")
        # Was in use before, and is kept so that one can go back to it.
        PREVIOUS = "previous", _("Kept")
        # Its vectors are to be removed.
        RETIRED = "retired", _("Being removed")
        # Without vectors; remembered, so that what somebody gave up does not begin again by itself.
        DROPPED = "dropped", _("Removed")

    embedder = models.CharField(max_length=200)
    embedder_digest = models.CharField(max_length=80, blank=True)
    n_dims = models.PositiveIntegerField()
    chunker = models.CharField(max_length=40)
    # A `conf.store_name`: where its vectors lie.
    store = models.CharField(max_length=conf.STORE_NAME_MAX_LENGTH, default=conf.CHROMA)
    # Measured by `embedding.probe`: the share of the embedder's similarity that counts for texts in Latin letters, and
    # for Chinese, Japanese and Korean; and the similarity of unrelated texts, and of questions with their answers.
    latin_trust = models.FloatField()
    cjk_trust = models.FloatField()
    unrelated = models.FloatField()
    related = models.FloatField()
    state = models.CharField(max_length=10, choices=State.choices)
    has_been_current = models.BooleanField(default=False)
    # None: by the environment or by default.
    chosen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # A `rag.types.Problem`: why the building does not come further.
    error = models.CharField(max_length=40, blank=True)
    chunks_per_s = models.FloatField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # When it came into its state.
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["embedder", "embedder_digest", "n_dims", "chunker", "store"], name="rag_index_version_unique"
            ),
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(state__in=["building", "current", "previous"]),
                name="rag_index_version_one_in_a_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.embedder} ({self.n_dims}), {self.chunker}"

    @property
    def scale(self) -> Scale:
        return Scale(self.unrelated, self.related)

    @property
    def is_elsewhere(self) -> bool:
        """Whether its vectors lie in a store that was configured before, and so cannot be reached."""
        return self.store != conf.store_name()

    @property
    def collection(self) -> str:
        """Name of its vectors in the store; made of our id, never of anything a person can choose."""
        return f"chunks-v{self.pk}"


class IndexEntry(models.Model):
    """How far one document is in one index version."""

    version = models.ForeignKey(IndexVersion, on_delete=models.CASCADE, related_name="entries")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="entries")
    # Chunks, counted from the first, whose vectors are stored for certain.
    n_chunks_done = models.PositiveIntegerField(default=0)
    # Every chunk has its vector: they were counted.
    is_complete = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "document"], name="rag_index_entry_unique")]

    def __str__(self) -> str:
        return f"document {self.document_id} in index version {self.version_id}"
