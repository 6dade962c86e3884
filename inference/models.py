"""Connections to model servers that an administrator entered."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from inference.conf import ConnectionSpec
from inference.errors import KeyUnreadable
from inference.keys import decrypted, encrypted


class Connection(models.Model):
    """A configured upstream: kind, address, credentials."""

    class Kind(models.TextChoices):
        OLLAMA = "ollama", "Ollama"
        OPENAI = "openai", _("OpenAI-compatible")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    # A CharField: Django's URL field refuses the one-word names that containers have.
    base_url = models.CharField(_("address"), max_length=500)
    # Written by set_key, read by spec() only: no page and no response ever holds it.
    encrypted_key = models.TextField(blank=True, editable=False)
    prefix = models.SlugField(_("prefix"), max_length=60, unique=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    # Lower ones are asked first, and keep the plain name of a model that several offer.
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=["ollama", "openai"]), name="inference_connection_kind"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_key(self) -> bool:
        return bool(self.encrypted_key)

    def set_key(self, key: str) -> None:
        """Encrypt and keep a key; an empty one removes it. Does not save."""
        self.encrypted_key = encrypted(key)

    def spec(self) -> ConnectionSpec:
        """Return what is needed to talk to it, the key decrypted."""
        key, is_key_readable = None, True
        try:
            key = decrypted(self.encrypted_key, name=self.name)
        except KeyUnreadable:
            is_key_readable = False
        kind = Connection.Kind(self.kind)
        return ConnectionSpec(
            name=self.name,
            kind="ollama" if kind is Connection.Kind.OLLAMA else "openai",
            url=self.base_url,
            prefix=self.prefix,
            key=key,
            is_key_readable=is_key_readable,
        )
