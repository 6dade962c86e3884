"""Documents with text and chunks, knowledge with its grants, versions of the index, and what is still to be removed."""

from __future__ import annotations

import uuid
from typing import ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rag.types import PageKind, page_kind

KNOWLEDGE_NAME_MAX_LENGTH = 100
DESCRIPTION_MAX_LENGTH = 2000
FOLDER_PATH_MAX_LENGTH = 400
QUESTION_MAX_LENGTH = 2000
QUOTE_MAX_LENGTH = 4000
FOLDER_NAME_MAX_LENGTH = 100


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
    def is_pdf(self) -> bool:
        return self.media_type == "application/pdf"


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


class Knowledge(models.Model):
    """A named collection of documents that answers may draw on. A document may be in several; it exists once."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="knowledge")
    name = models.CharField(max_length=KNOWLEDGE_NAME_MAX_LENGTH)
    description = models.TextField(max_length=DESCRIPTION_MAX_LENGTH, blank=True)
    documents = models.ManyToManyField(Document, through="Membership", related_name="knowledge")
    created_at = models.DateTimeField(auto_now_add=True)
    # When its documents, folders or words last changed; orders the list.
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # knowledge_readable_by(): keyset pages of what a person has, the one changed last first.
            models.Index(fields=["owner", "-updated_at", "-id"], name="rag_knowledge_by_owner"),
        ]

    def __str__(self) -> str:
        return self.name


class KnowledgeFolder(models.Model):
    """A folder inside a knowledge, by its whole path: "Reports/2025". The folders above it are rows as well."""

    knowledge = models.ForeignKey(Knowledge, on_delete=models.CASCADE, related_name="folders")
    path = models.CharField(max_length=FOLDER_PATH_MAX_LENGTH)

    class Meta:
        ordering = ["path"]
        constraints = [
            models.UniqueConstraint(fields=["knowledge", "path"], name="rag_folder_path_unique"),
            models.CheckConstraint(condition=~models.Q(path=""), name="rag_folder_path_not_empty"),
        ]

    def __str__(self) -> str:
        return self.path


class Membership(models.Model):
    """That a document is in a knowledge, and in which of its folders."""

    knowledge = models.ForeignKey(Knowledge, on_delete=models.CASCADE, related_name="memberships")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="memberships")
    # None: at the top.
    folder = models.ForeignKey(
        KnowledgeFolder, on_delete=models.SET_NULL, null=True, blank=True, related_name="memberships"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["knowledge", "document"], name="rag_membership_once"),
        ]
        indexes = [
            # memberships_of(): keyset pages of a knowledge, of all of it or of one folder, the newest first.
            models.Index(fields=["knowledge", "-created_at", "-id"], name="rag_membership_newest"),
            models.Index(fields=["knowledge", "folder", "-created_at", "-id"], name="rag_membership_in_folder"),
        ]

    def __str__(self) -> str:
        return f"document {self.document_id} in knowledge {self.knowledge_id}"


class KnowledgeImport(models.Model):
    """What became of each file of the ZIP that a knowledge was made of."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    knowledge = models.ForeignKey(Knowledge, on_delete=models.CASCADE, related_name="imports")
    # [{"name", "folder", "outcome": "taken" | "known"} or {"name", "folder", "problem": code}, ...]
    report = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"import {self.uuid}"


class KnowledgeGrant(models.Model):
    """That somebody may read, or read and change, a knowledge: one person, a group, or with neither everybody."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    knowledge = models.ForeignKey(Knowledge, on_delete=models.CASCADE, related_name="grants")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    group = models.ForeignKey(
        settings.HEARTH_GROUP_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    may_write = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(user=None) | models.Q(group=None), name="rag_grant_to_one_kind"),
            models.UniqueConstraint(
                fields=["knowledge", "user"], condition=models.Q(user__isnull=False), name="rag_grant_once_a_person"
            ),
            models.UniqueConstraint(
                fields=["knowledge", "group"], condition=models.Q(group__isnull=False), name="rag_grant_once_a_group"
            ),
            models.UniqueConstraint(
                fields=["knowledge"],
                condition=models.Q(user=None, group=None),
                name="rag_grant_once_to_everybody",
            ),
        ]

    def __str__(self) -> str:
        return f"grant {self.uuid}"

    @property
    def is_to_everybody(self) -> bool:
        return self.user_id is None and self.group_id is None


class SyncedFolder(models.Model):
    """A folder of this server that a knowledge follows. Its files are copied; the copies are the documents."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Watched")
        PAUSED = "paused", _("Paused")
        # Disconnected; its documents are being removed, or become ordinary ones.
        LEAVING = "leaving", _("Being removed")
        KEEPING = "keeping", _("Being handed over")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # None: it was deleted, and the documents follow. Not in one transaction, as there may be ten thousand.
    knowledge = models.ForeignKey(Knowledge, on_delete=models.SET_NULL, null=True, related_name="synced_folders")
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Absolute, and for administrators' eyes only.
    path = models.CharField(max_length=1000)
    # Of the folder at the top of the knowledge under which its files stand.
    name = models.CharField(max_length=FOLDER_NAME_MAX_LENGTH)
    # Patterns, see `rag.folders.rules`.
    include = models.JSONField(default=list)
    exclude = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    # A `rag.types.FolderProblem`: why the last look at it came to nothing.
    problem = models.CharField(max_length=20, blank=True)
    # Of what was found when everything in it had last been noted; empty: something is left to note.
    fingerprint = models.CharField(max_length=32, blank=True)
    scanned_at = models.DateTimeField(null=True)
    scan_s = models.FloatField(default=0.0)
    n_files = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    # By `rag.types.LeftOut`: how many, and some of their paths.
    left_out = models.JSONField(default=dict)
    examples = models.JSONField(default=dict)
    # What somebody asked for: to look at once, and to believe that files are gone.
    is_scan_wanted = models.BooleanField(default=True)
    accepts_missing = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["knowledge", "name"], name="rag_synced_folder_name_unique"),
            models.UniqueConstraint(fields=["knowledge", "path"], name="rag_synced_folder_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.knowledge_id is not None and self.state == self.State.ACTIVE


class SyncedFile(models.Model):
    """A file in a synced folder as it was last seen, and the document that is its copy. Equal files share one."""

    folder = models.ForeignKey(SyncedFolder, on_delete=models.CASCADE, related_name="files")
    # From the folder on; `real_path` differs where a link led to it.
    path = models.CharField(max_length=1000)
    real_path = models.CharField(max_length=1000)
    size_bytes = models.PositiveBigIntegerField()
    mtime_ns = models.BigIntegerField()
    ctime_ns = models.BigIntegerField()
    # Only tells a file that was renamed; numbers of other disks may come back.
    inode = models.CharField(max_length=20)
    # To be copied: new, or changed since it was.
    is_waiting = models.BooleanField(default=True)
    # A `rag.types.Problem`: why it could not be copied.
    problem = models.CharField(max_length=40, blank=True)
    # The copy that answers draw on; while there is a newer one that is not READY, that is `next_document`.
    document = models.ForeignKey(
        Document, on_delete=models.SET_NULL, null=True, blank=True, related_name="synced_files"
    )
    next_document = models.ForeignKey(
        Document, on_delete=models.SET_NULL, null=True, blank=True, related_name="next_for_files"
    )
    # Since when it has not been seen.
    missing_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["folder", "path"], name="rag_synced_file_path_unique")]
        indexes = [
            # take_in(): the next files to copy.
            models.Index(fields=["folder", "id"], condition=models.Q(is_waiting=True), name="rag_synced_file_waiting"),
        ]

    def __str__(self) -> str:
        return self.path


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
    # Share of the embedder's similarity that counts for Chinese, Japanese and Korean; measured by `embedding.probe`.
    cjk_trust = models.FloatField(default=1.0)
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
                fields=["embedder", "embedder_digest", "n_dims", "chunker"], name="rag_index_version_unique"
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


class Removal(models.Model):
    """What a deleted document left outside the database. Written in the transaction that deletes it."""

    document_id = models.BigIntegerField(unique=True)
    document_uuid = models.UUIDField()
    file = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"removal of document {self.document_id}"


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
