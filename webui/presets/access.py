"""Single presets by their public id, or 404: what a person may not use does not exist.

A preset of one's own: use, change, share, delete. One that is shared: see it, use it, copy it. What a preset draws on
is read by whoever asks with their own rights: sharing a preset shares none of its documents.
"""

from __future__ import annotations

from uuid import UUID

from django.shortcuts import get_object_or_404

from webui.accounts.models import User
from webui.presets.models import ModelPreset, PresetGrant, PresetVersion
from webui.presets.queries import own_presets, usable_presets


def preset_read(user: User, uuid: UUID) -> ModelPreset:
    """Return the preset, or raise Http404."""
    return get_object_or_404(usable_presets(user).select_related("owner"), uuid=uuid)


def preset_write(user: User, uuid: UUID) -> ModelPreset:
    """Return a preset of the person's own, or raise Http404."""
    return get_object_or_404(own_presets(user), uuid=uuid)


def deleted_preset_write(user: User, uuid: UUID) -> ModelPreset:
    """Return a preset that the person has deleted and may bring back, or raise Http404."""
    return get_object_or_404(ModelPreset, owner=user.pk, deleted_at__isnull=False, uuid=uuid)


def grant_of(preset: ModelPreset, uuid: UUID) -> PresetGrant:
    """Return a grant of a preset that was itself got through `preset_write`, or raise Http404."""
    return get_object_or_404(preset.grants, uuid=uuid)


def version_of(preset: ModelPreset, number: int) -> PresetVersion:
    return get_object_or_404(preset.versions, number=number)
