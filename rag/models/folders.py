"""Folders of the server that knowledge follows."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from rag.models.documents import Document
from rag.models.knowledge import Knowledge

FOLDER_NAME_MAX_LENGTH = 100


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
