"""Files that chats are taken from."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webui.chats.models.chats import TITLE_MAX_LENGTH, Chat

CHAT_IMPORTS_FOLDER = "chat-imports"
IMPORTED_NAME_MAX_LENGTH = 255


def stored_import_name(begun: ChatImport, filename: str) -> str:
    return f"{CHAT_IMPORTS_FOLDER}/{begun.uuid.hex}"


class ChatImport(models.Model):
    """A file that chats are taken from, one after another, and how far that is."""

    class State(models.TextChoices):
        RUNNING = "running", _("Being imported")
        DONE = "done", _("Imported")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_imports")
    name = models.CharField(max_length=IMPORTED_NAME_MAX_LENGTH)
    # Empty when it has come to its end.
    file = models.FileField(upload_to=stored_import_name, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    # A `rag.types.Problem`.
    error = models.CharField(max_length=40, blank=True)
    # Of the lists of chats, unpacked; and behind which chat reading goes on, as `transfer.sources.Cursor` says it.
    n_bytes = models.PositiveBigIntegerField()
    member = models.PositiveIntegerField(default=0)
    offset = models.PositiveBigIntegerField(default=0)
    is_in_array = models.BooleanField(default=False)
    n_bytes_done = models.PositiveBigIntegerField(default=0)
    n_taken = models.PositiveIntegerField(default=0)
    n_known = models.PositiveIntegerField(default=0)
    n_refused = models.PositiveIntegerField(default=0)
    # Stored for the chat that is next, and left without a use if that is not stored.
    documents = models.ManyToManyField("rag.Document", blank=True, related_name="+")
    # How many pieces of work have begun with the chat that is next.
    n_attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    # Files are gone on with in turn.
    worked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["running", "done", "stopped", "failed"]), name="chats_import_state_known"
            ),
            models.UniqueConstraint(
                fields=["owner"], condition=models.Q(state="running"), name="chats_import_one_at_a_time"
            ),
        ]
        indexes = [
            # The loop looks for what is to be gone on with.
            models.Index(fields=["worked_at"], condition=models.Q(state="running"), name="chats_import_running"),
            # The person's page: the newest ones.
            models.Index(fields=["owner", "-created_at", "-id"], name="chats_import_newest"),
        ]

    def __str__(self) -> str:
        return f"import {self.uuid}"

    @property
    def is_running(self) -> bool:
        return self.state == self.State.RUNNING

    @property
    def n_chats(self) -> int:
        return self.n_taken + self.n_known + self.n_refused


class ImportedChat(models.Model):
    """What became of one chat of a file. Stored together with the chat itself."""

    class Outcome(models.TextChoices):
        TAKEN = "taken", _("New")
        # Its owner had it already.
        KNOWN = "known", _("Known")

    source = models.ForeignKey(ChatImport, on_delete=models.CASCADE, related_name="imported")
    position = models.PositiveIntegerField()
    title = models.CharField(max_length=TITLE_MAX_LENGTH, blank=True)
    chat = models.ForeignKey(Chat, on_delete=models.SET_NULL, null=True, related_name="+")
    # Empty when it was not taken; `notes` says why.
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    # How often each `transfer.shapes.Note` was met.
    notes = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["source", "position"]
        constraints = [models.UniqueConstraint(fields=["source", "position"], name="chats_imported_chat_once")]

    def __str__(self) -> str:
        return f"chat {self.position} of import {self.source_id}"
