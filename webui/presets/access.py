"""Single presets by their public id, or 404: what a person may not use does not exist.

A preset of one's own: use, change, share, delete. One that is shared: see it, use it, copy it. What a preset draws on
is read by whoever asks with their own rights: sharing a preset shares none of its documents.
"""

from __future__ import annotations

from uuid import UUID

from django.shortcuts import get_object_or_404

from webui.accounts.models import User
from webui.presets.models import Grant, ModelPreset, PromptPreset, Version
from webui.presets.queries import P, own, usable

AnyPreset = ModelPreset | PromptPreset


def preset_read(user: User, uuid: UUID) -> ModelPreset:
    """Return the preset, or raise Http404."""
    return get_object_or_404(usable(ModelPreset, user).select_related("owner"), uuid=uuid)


def prompt_read(user: User, uuid: UUID) -> PromptPreset:
    """Return the prompt preset, or raise Http404."""
    return get_object_or_404(usable(PromptPreset, user).select_related("owner"), uuid=uuid)


def preset_write(user: User, uuid: UUID) -> ModelPreset:
    """Return a preset of the person's own, or raise Http404."""
    return own_write(ModelPreset, user, uuid)


def own_write(kind: type[P], user: User, uuid: UUID) -> P:
    """Return a preset of this kind that is the person's own, or raise Http404."""
    return get_object_or_404(own(kind, user), uuid=uuid)


def deleted_write(kind: type[P], user: User, uuid: UUID) -> P:
    """Return a preset that the person has deleted and may bring back, or raise Http404."""
    return get_object_or_404(kind, owner=user.pk, deleted_at__isnull=False, uuid=uuid)


def grant_of(preset: AnyPreset, uuid: UUID) -> Grant:
    """Return a grant of a preset that was itself got through `own_write`, or raise Http404."""
    return get_object_or_404(preset.grants, uuid=uuid)


def version_of(preset: AnyPreset, number: int) -> Version:
    return get_object_or_404(preset.versions, number=number)
