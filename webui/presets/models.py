"""Presets of models and of prompts, to whom they are shared, and what they were before."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

NAME_MAX_LENGTH = 100
DESCRIPTION_MAX_LENGTH = 500
SYSTEM_PROMPT_MAX_LENGTH = 20_000
SYMBOL_MAX_LENGTH = 8
MODEL_MAX_LENGTH = 255
COMMAND_MAX_LENGTH = 60
PROMPT_MAX_LENGTH = 50_000


class Preset(models.Model):
    """What a preset of either kind is beside its content."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=NAME_MAX_LENGTH)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(default=timezone.now)
    # Set by delete, cleared by undo; purged for good after the undo window.
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        indexes = [
            # usable(): what a person has, the one changed last first.
            models.Index(
                fields=["owner", "-updated_at", "-id"],
                condition=models.Q(deleted_at=None),
                name="%(app_label)s_%(class)s_by_owner",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ModelPreset(Preset):
    """A model as a person has set it up: base model, system prompt, options, documents. It is chosen like a model."""

    description = models.CharField(max_length=DESCRIPTION_MAX_LENGTH, blank=True)
    # A letter or an emoji; empty for the first letter of the name.
    symbol = models.CharField(max_length=SYMBOL_MAX_LENGTH, blank=True)
    # Which of its pictures stands for it; empty for the symbol.
    picture = models.CharField(max_length=64, blank=True)
    # Catalog id.
    base_model = models.CharField(max_length=MODEL_MAX_LENGTH)
    system_prompt = models.TextField(max_length=SYSTEM_PROMPT_MAX_LENGTH, blank=True)
    # By the names of `options.OPTIONS`, checked by it; what is not in here is not sent.
    options = models.JSONField(default=dict, blank=True)
    # Short texts to begin a chat with.
    suggestions = models.JSONField(default=list, blank=True)
    # What its Modelfile says beside the fields here, as `modelfiles` keeps it: [[keyword, name, value], ...].
    modelfile_rest = models.JSONField(default=list, blank=True)
    documents = models.ManyToManyField("rag.Document", blank=True, related_name="+")
    knowledge = models.ManyToManyField("rag.Knowledge", blank=True, related_name="+")

    @property
    def sign(self) -> str:
        """What stands for it where there is room for one character."""
        return self.symbol or self.name[:1].upper()


class PromptPreset(Preset):
    """A text that a person inserts into a message with `/command`; its variables are those of `variables`."""

    # Letters, digits, "-" and "_"; one of the owner's own presets has it.
    command = models.CharField(max_length=COMMAND_MAX_LENGTH)
    content = models.TextField(max_length=PROMPT_MAX_LENGTH)

    class Meta(Preset.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "command"], condition=models.Q(deleted_at=None), name="presets_prompt_command_once"
            ),
        ]


class PromptUse(models.Model):
    """When somebody last inserted a prompt preset: orders what `/` offers them."""

    preset = models.ForeignKey(PromptPreset, on_delete=models.CASCADE, related_name="uses")
    used_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["preset", "used_by"], name="presets_use_one_per_person"),
        ]

    def __str__(self) -> str:
        return f"use of prompt {self.preset_id}"


class PresetPicture(models.Model):
    """A picture that stands for a preset, or did so in one of its versions: a small PNG of our own drawing."""

    preset = models.ForeignKey(ModelPreset, on_delete=models.CASCADE, related_name="pictures")
    # SHA-256 of the content.
    digest = models.CharField(max_length=64)
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["preset", "digest"], name="presets_picture_once"),
        ]

    def __str__(self) -> str:
        return f"picture of preset {self.preset_id}"


class Grant(models.Model):
    """That somebody may use a preset: one person, a group, or with neither everybody."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    group = models.ForeignKey(
        settings.HEARTH_GROUP_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None) | models.Q(group=None), name="%(app_label)s_%(class)s_to_one_kind"
            ),
            models.UniqueConstraint(
                fields=["preset", "user"],
                condition=models.Q(user__isnull=False),
                name="%(app_label)s_%(class)s_once_a_person",
            ),
            models.UniqueConstraint(
                fields=["preset", "group"],
                condition=models.Q(group__isnull=False),
                name="%(app_label)s_%(class)s_once_a_group",
            ),
            models.UniqueConstraint(
                fields=["preset"],
                condition=models.Q(user=None, group=None),
                name="%(app_label)s_%(class)s_once_to_everybody",
            ),
        ]

    def __str__(self) -> str:
        return f"grant {self.uuid}"


class PresetGrant(Grant):
    preset = models.ForeignKey(ModelPreset, on_delete=models.CASCADE, related_name="grants")


class PromptGrant(Grant):
    preset = models.ForeignKey(PromptPreset, on_delete=models.CASCADE, related_name="grants")


class Version(models.Model):
    """What a preset was from one save on. The newest is what it is now."""

    # From 1 on; the oldest are dropped when there are many.
    number = models.PositiveIntegerField()
    # What its kind's services store, as JSON; documents and knowledge by their uuids.
    content = models.JSONField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True
        ordering = ["preset", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["preset", "number"], name="%(app_label)s_%(class)s_number_unique"),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class PresetVersion(Version):
    preset = models.ForeignKey(ModelPreset, on_delete=models.CASCADE, related_name="versions")


class PromptVersion(Version):
    preset = models.ForeignKey(PromptPreset, on_delete=models.CASCADE, related_name="versions")


class ModelDefaults(models.Model):
    """What an administrator says for a model and everybody who asks it, unless something more special is said."""

    # Catalog id.
    model = models.CharField(max_length=MODEL_MAX_LENGTH, unique=True)
    system_prompt = models.TextField(max_length=SYSTEM_PROMPT_MAX_LENGTH, blank=True)
    # As in a preset.
    options = models.JSONField(default=dict, blank=True)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "model defaults"

    def __str__(self) -> str:
        return f"defaults of {self.model}"
