"""Connections to servers that make pictures, as an administrator entered them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, cast

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from inference.errors import KeyUnreadable
from inference.keys import decrypted, encrypted
from webui.accounts.models import Group
from webui.imagery.types import SLOTS, ImagerySpec, Kind, Size


class ImageConnection(models.Model):
    """One server: kind, address, credentials, and what it is asked for."""

    class Kind(models.TextChoices):
        OPENAI = "openai", _("OpenAI-compatible")
        AUTOMATIC1111 = "automatic1111", "AUTOMATIC1111"
        COMFYUI = "comfyui", "ComfyUI"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    base_url = models.CharField(_("address"), max_length=500)
    # Written by set_key, read by spec() only: no page and no response ever holds it.
    encrypted_key = models.TextField(blank=True, editable=False)
    model = models.CharField(_("model"), max_length=255, blank=True)
    sampler = models.CharField(_("sampler"), max_length=100, blank=True)
    steps = models.PositiveSmallIntegerField(_("steps"), null=True, blank=True)
    # As [width, height]; the first is what people get who choose none.
    sizes = models.JSONField(_("sizes"), default=list)
    # Of ComfyUI alone: nodes by their ids, and by slot [node, input].
    workflow = models.JSONField(default=dict, blank=True)
    mapping = models.JSONField(default=dict, blank=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    is_default = models.BooleanField(default=False)
    # Who may use it, where not everybody may.
    is_restricted = models.BooleanField(default=False)
    groups: models.ManyToManyField[Group, Any] = models.ManyToManyField(
        settings.HEARTH_GROUP_MODEL, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-is_default", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["openai", "automatic1111", "comfyui"]), name="imagery_connection_kind"
            ),
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="imagery_connection_one_default"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_key(self) -> bool:
        return bool(self.encrypted_key)

    @property
    def offered_sizes(self) -> Sequence[Size]:
        return [Size(width, height) for width, height in self.sizes]

    @property
    def takes_negative_prompt(self) -> bool:
        """Reads `mapping`; one query if that is deferred."""
        return self.kind == self.Kind.AUTOMATIC1111 or "negative_prompt" in self.mapping

    @property
    def takes_seed(self) -> bool:
        return self.kind == self.Kind.AUTOMATIC1111 or "seed" in self.mapping

    def set_key(self, key: str) -> None:
        """Encrypt and keep a key; an empty one removes it. Does not save."""
        self.encrypted_key = encrypted(key)

    def spec(self) -> ImagerySpec:
        """Return what is needed to talk to it, the key decrypted."""
        key, is_key_readable = None, True
        try:
            key = decrypted(self.encrypted_key, name=self.name)
        except KeyUnreadable:
            is_key_readable = False
        return ImagerySpec(
            uuid=str(self.uuid),
            name=self.name,
            kind=cast(Kind, str(self.kind)),
            url=self.base_url,
            key=key or "",
            is_key_readable=is_key_readable,
            model=self.model,
            sampler=self.sampler,
            steps=self.steps,
            workflow=self.workflow,
            mapping={slot: (place[0], place[1]) for slot in SLOTS if (place := self.mapping.get(slot))},
        )
