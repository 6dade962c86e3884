"""The runs that fill answers."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webui.chats.models.messages import Message

REF_MAX_LENGTH = 64


class Generation(models.Model):
    """One run that fills one assistant message."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Answering")
        FINISHED = "finished", _("Finished")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")
        INTERRUPTED = "interrupted", _("Interrupted")

    ACTIVE_STATES = (State.QUEUED, State.RUNNING)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="generation")
    # Who asked for it, and the page's name for that request: sent again after a break, it is not done twice.
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    ref = models.CharField(max_length=REF_MAX_LENGTH, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    # A code of chats/errors.py with the facts its sentence needs; the sentence is made where it is shown.
    error_code = models.CharField(max_length=40, blank=True)
    error_facts = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # Renewed about once a second by the process that runs it; an old one belongs to a process that died.
    heartbeat_at = models.DateTimeField(default=timezone.now)
    first_delta_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    prompt_tokens = models.PositiveIntegerField(null=True, blank=True)
    answer_tokens = models.PositiveIntegerField(null=True, blank=True)
    # Of the prompt, what the model had read before; only our own server says so.
    cached_tokens = models.PositiveIntegerField(null=True, blank=True)
    # Upstream's durations in seconds, as inference.types.Usage names them, and `thinking_s`, measured here.
    timings = models.JSONField(default=dict, blank=True)
    # What was sent to the model: messages, passages, what was left out and why.
    ledger = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "running", "finished", "stopped", "failed", "interrupted"]),
                name="chats_generation_state_known",
            ),
            models.UniqueConstraint(
                fields=["asked_by", "ref"], condition=~models.Q(ref=""), name="chats_generation_asked_once"
            ),
        ]
        indexes = [
            # Start-up marks what a crash left active; stop looks for what runs in a chat.
            models.Index(
                fields=["state"], condition=models.Q(state__in=["queued", "running"]), name="chats_generation_active"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} generation {self.uuid}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE_STATES

    @property
    def has_ledger(self) -> bool:
        """Whether something was sent to a model for it, and is on record."""
        return "sent" in self.ledger

    @property
    def has_retrieval(self) -> bool:
        """Whether documents were searched for it; what was found out is `ledger["retrieval"]`, a trace."""
        return "retrieval" in self.ledger
