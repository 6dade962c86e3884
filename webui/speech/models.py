"""The servers that read aloud and write down."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from inference.keys import decrypted, encrypted


class Endpoint(models.Model):
    """A server for one task: address, key, model, and for reading aloud its voices. Administrators enter it."""

    class Task(models.TextChoices):
        SPEAK = "speak", _("Reading aloud")
        TRANSCRIBE = "transcribe", _("Dictation")

    class Form(models.TextChoices):
        MP3 = "mp3", "MP3"
        OPUS = "opus", "Opus"
        AAC = "aac", "AAC"
        FLAC = "flac", "FLAC"
        WAV = "wav", "WAV"

    task = models.CharField(max_length=10, choices=Task, unique=True)
    base_url = models.CharField(_("address"), max_length=500)
    # Written by set_key, read by key() only: no page and no response ever holds it.
    encrypted_key = models.TextField(blank=True, editable=False)
    model = models.CharField(_("model"), max_length=200)
    # Names that people may choose among; the first is the usual one. Empty for dictation.
    voices = models.JSONField(_("voices"), default=list, blank=True)
    form = models.CharField(_("format"), max_length=10, choices=Form, default=Form.MP3)
    is_enabled = models.BooleanField(_("people can use it"), default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(task__in=["speak", "transcribe"]), name="speech_endpoint_task"),
        ]

    def __str__(self) -> str:
        return str(self.Task(self.task).label)

    @property
    def has_key(self) -> bool:
        return bool(self.encrypted_key)

    def set_key(self, key: str) -> None:
        """Encrypt and keep a key; an empty one removes it. Does not save."""
        self.encrypted_key = encrypted(key)

    def key(self) -> str | None:
        """Return the key, decrypted. Raises KeyUnreadable."""
        return decrypted(self.encrypted_key, name=str(self))
