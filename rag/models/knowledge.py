"""Collections of documents, their folders, and to whom they are shared."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rag.models.documents import Document

KNOWLEDGE_NAME_MAX_LENGTH = 100
DESCRIPTION_MAX_LENGTH = 2000
FOLDER_PATH_MAX_LENGTH = 400
IMPORTED_NAME_MAX_LENGTH = 400
ARCHIVES_FOLDER = "imports"


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


def stored_archive_name(begun: KnowledgeImport, filename: str) -> str:
    return f"{ARCHIVES_FOLDER}/{begun.uuid.hex}"


class KnowledgeImport(models.Model):
    """The ZIP that a knowledge is made of. Its files are taken in one after another, in the order of the archive."""

    class State(models.TextChoices):
        RUNNING = "running", _("Being taken in")
        DONE = "done", _("Taken in")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    knowledge = models.ForeignKey(Knowledge, on_delete=models.CASCADE, related_name="imports")
    # Empty when it has come to its end.
    file = models.FileField(upload_to=stored_archive_name, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    # A `rag.types.Problem`.
    error = models.CharField(max_length=40, blank=True)
    n_files = models.PositiveIntegerField()
    # How many pieces of work have begun with the file that is next.
    n_attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    # Archives are gone on with in turn.
    worked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["running", "done", "stopped", "failed"]), name="rag_import_state_known"
            ),
        ]
        indexes = [
            # The loop looks for what is to be gone on with.
            models.Index(fields=["worked_at"], condition=models.Q(state="running"), name="rag_import_running"),
        ]

    def __str__(self) -> str:
        return f"import {self.uuid}"

    @property
    def is_running(self) -> bool:
        return self.state == self.State.RUNNING


class ImportedFile(models.Model):
    """What became of one file of an archive. Stored together with the document that was made of it."""

    class Outcome(models.TextChoices):
        TAKEN = "taken", _("New")
        # Its owner had the same file already.
        KNOWN = "known", _("Known")

    source = models.ForeignKey(KnowledgeImport, on_delete=models.CASCADE, related_name="files")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=IMPORTED_NAME_MAX_LENGTH)
    folder = models.CharField(max_length=IMPORTED_NAME_MAX_LENGTH, blank=True)
    # Empty when it was not taken; `problem` says why.
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    problem = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["source", "position"]
        constraints = [models.UniqueConstraint(fields=["source", "position"], name="rag_imported_file_once")]

    def __str__(self) -> str:
        return f"file {self.position} of import {self.source_id}"


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
