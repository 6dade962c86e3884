"""Making, changing, sharing and deleting presets. Who may do which of it is decided by `access`, before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

import rag.api as rag
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.models import Group, User
from webui.presets import queries
from webui.presets.errors import TooManyPresets
from webui.presets.levels import forget_defaults
from webui.presets.models import NAME_MAX_LENGTH, Grant, ModelDefaults, ModelPreset, PresetVersion, PromptPreset
from webui.presets.pictures import digest_of

UNDO_WINDOW = timedelta(minutes=10)
"""How long a deleted preset can be brought back before its rows are gone."""
MAX_PRESETS = 200
MAX_VERSIONS = 50

AnyPreset = ModelPreset | PromptPreset
_PLAIN_FIELDS = (
    "name", "description", "symbol", "picture", "base_model", "system_prompt", "options", "suggestions",
    "modelfile_rest",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All that a save stores.

    Attributes:
        picture: The digest of a picture that the preset has, or is given with the save.
    """

    name: str
    base_model: str
    description: str = ""
    symbol: str = ""
    picture: str = ""
    system_prompt: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    suggestions: Sequence[str] = ()
    modelfile_rest: Sequence[Sequence[str]] = ()
    documents: Sequence[rag.Document] = ()
    knowledge: Sequence[rag.Knowledge] = ()

    def as_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in _PLAIN_FIELDS}
        return plain | {
            "options": dict(self.options),
            "suggestions": list(self.suggestions),
            "modelfile_rest": [list(item) for item in self.modelfile_rest],
            "documents": sorted(str(document.uuid) for document in self.documents),
            "knowledge": sorted(str(knowledge.uuid) for knowledge in self.knowledge),
        }


@transaction.atomic
def create_preset(owner: User, content: Content, picture: bytes = b"") -> ModelPreset:
    """Make a preset; `picture` is a drawn one (`pictures.redrawn`) to stand for it. Raises TooManyPresets."""
    if ModelPreset.objects.filter(owner=owner, deleted_at=None).count() >= MAX_PRESETS:
        raise TooManyPresets(MAX_PRESETS)
    preset = ModelPreset(owner=owner)
    _store(preset, _with_picture(content, picture), owner, picture)
    return preset


@transaction.atomic
def change_preset(preset: ModelPreset, content: Content, editor: User, picture: bytes = b"") -> bool:
    """Store what a preset is from now on, and keep what it was; return whether anything is different."""
    content = _with_picture(content, picture)
    # Two saves at once take their turns: each is a version of its own.
    ModelPreset.objects.select_for_update().get(pk=preset.pk)
    newest = preset.versions.first()
    if newest is not None and newest.content == content.as_json():
        return False
    _store(preset, content, editor, picture)
    return True


def _with_picture(content: Content, picture: bytes) -> Content:
    return replace(content, picture=digest_of(picture)) if picture else content


def _store(preset: ModelPreset, content: Content, editor: User, picture: bytes) -> None:
    for name in _PLAIN_FIELDS:
        setattr(preset, name, getattr(content, name))
    preset.options, preset.suggestions = dict(content.options), list(content.suggestions)
    preset.modelfile_rest = [list(item) for item in content.modelfile_rest]
    preset.updated_at = timezone.now()
    preset.save()
    preset.documents.set(content.documents)
    preset.knowledge.set(content.knowledge)
    keep_version(preset, content.as_json(), editor)
    if picture:
        preset.pictures.get_or_create(digest=content.picture, defaults={"content": picture})
    kept = {version.content.get("picture") for version in preset.versions.all()}
    preset.pictures.exclude(digest__in=kept).delete()


def keep_version(preset: AnyPreset, content: dict[str, Any], editor: User) -> None:
    """Add what a preset was just changed to, and drop the oldest of many versions."""
    last = preset.versions.aggregate(number=Max("number"))["number"] or 0
    preset.versions.create(number=last + 1, content=content, made_by=editor, made_at=preset.updated_at)
    preset.versions.filter(number__lte=last + 1 - MAX_VERSIONS).delete()


def restore_version(version: PresetVersion, editor: User) -> ModelPreset:
    """Make a preset what it was: a save like others, so that this can be taken back as well.

    Documents and knowledge that are gone, or that the editor may not read any more, stay away.
    """
    kept = version.content
    plain = {name: kept[name] for name in _PLAIN_FIELDS}
    content = Content(
        **plain,
        documents=list(rag.readable_documents(editor).filter(uuid__in=kept["documents"])),
        knowledge=list(rag.readable_knowledge(editor).filter(uuid__in=kept["knowledge"])),
    )
    change_preset(version.preset, content, editor)
    return version.preset


def copy_preset(preset: ModelPreset, copier: User, name: str) -> ModelPreset:
    """Make somebody a preset of their own of one that they may use, with what they may read of its documents.

    Raises TooManyPresets.
    """
    content = replace(content_of(preset, copier), name=name[:NAME_MAX_LENGTH])
    return create_preset(copier, content, picture_of(preset))


def picture_of(preset: ModelPreset) -> bytes:
    """Return the PNG that stands for a preset; empty for one with a symbol alone."""
    found = preset.pictures.filter(digest=preset.picture).first() if preset.picture else None
    return bytes(found.content) if found else b""


def content_of(preset: ModelPreset, reader: User) -> Content:
    """Return what a preset is, with what the reader may read of its documents; two queries."""
    return Content(
        **{name: getattr(preset, name) for name in _PLAIN_FIELDS},
        documents=queries.readable_documents(preset, reader),
        knowledge=queries.readable_knowledge(preset, reader),
    )


# ---- deleting ------------------------------------------------------------------------------------


def delete_preset(preset: AnyPreset) -> None:
    """Hide a preset from everybody until `purge_deleted` removes its rows."""
    preset.deleted_at = timezone.now()
    preset.save(update_fields=["deleted_at"])


def undo_delete_preset(preset: AnyPreset) -> None:
    preset.deleted_at = None
    preset.save(update_fields=["deleted_at"])


def purge_deleted(now: datetime) -> int:
    """Remove for good the presets whose undo window is over; return how many."""
    n_purged = 0
    for kind in (ModelPreset, PromptPreset):
        doomed = kind._default_manager.filter(deleted_at__lt=now - UNDO_WINDOW)
        n_purged += doomed.delete()[1].get(kind._meta.label, 0)
    return n_purged


# ---- sharing -------------------------------------------------------------------------------------


def grant(preset: AnyPreset, *, user: User | None = None, group: Group | None = None) -> Grant:
    """Let a person, a group, or with neither everybody use a preset. A grant that is there already stays."""
    return preset.grants.get_or_create(user=user, group=group)[0]


def revoke(granted: Grant) -> None:
    """Take a grant back. Who was given it uses the preset no more from the next question on."""
    granted.delete()


# ---- documents -----------------------------------------------------------------------------------


def exchange_document(old_id: int, new_id: int) -> None:
    """Draw on the newer copy of a synced file wherever the older one is drawn on."""
    attached: Any = ModelPreset.documents.through.objects
    already = attached.filter(document_id=new_id).values("modelpreset_id")
    attached.filter(document_id=old_id).exclude(modelpreset_id__in=already).update(document_id=new_id)


# ---- defaults ------------------------------------------------------------------------------------


@transaction.atomic
def set_model_defaults(model: str, *, system_prompt: str, options: Mapping[str, Any], by: User) -> None:
    """Say for everybody how a model is asked, unless they, a preset or a chat say otherwise."""
    values = {"system_prompt": system_prompt, "options": dict(options), "changed_by": by, "changed_at": timezone.now()}
    if system_prompt or options:
        ModelDefaults.objects.update_or_create(model=model, defaults=values)
    else:
        ModelDefaults.objects.filter(model=model).delete()
    record(Event.MODEL_DEFAULTS_CHANGED, model, detail=", ".join(sorted(options)))
    transaction.on_commit(forget_defaults)


def set_own_defaults(user: User, *, system_prompt: str, options: Mapping[str, Any]) -> None:
    """Say for all questions of a person how they are asked, unless a preset or a chat says otherwise."""
    user.system_prompt, user.options = system_prompt, dict(options)
    user.save(update_fields=["system_prompt", "options"])
