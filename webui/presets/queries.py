"""Which presets a person may use. Every list, every page and every question starts from here."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

import rag.api as rag
from webui.accounts.models import Group, User
from webui.presets.models import ModelPreset, PresetGrant, PromptGrant, PromptPreset, PromptUse

MAX_OFFERED = 200


P = TypeVar("P", ModelPreset, PromptPreset)
_GRANTS: Final[dict[type[ModelPreset | PromptPreset], type[PresetGrant | PromptGrant]]] = {
    ModelPreset: PresetGrant,
    PromptPreset: PromptGrant,
}


def usable(kind: type[P], user: User) -> QuerySet[P]:
    """Return the presets of a kind that this person may use now: their own, and what is shared with them."""
    granted = _granted(_GRANTS[kind], user.pk)
    return kind._default_manager.filter(Q(owner=user.pk) | Q(pk__in=granted), _is_member(user.pk), deleted_at=None)


def own(kind: type[P], user: User) -> QuerySet[P]:
    """Return the presets of a person that they may change, without those that they have deleted."""
    return kind._default_manager.filter(_is_member(user.pk), owner=user.pk, deleted_at=None)


def usable_presets(user: User) -> QuerySet[ModelPreset]:
    return usable(ModelPreset, user)


def listed_presets(user: User, models: Collection[str]) -> QuerySet[ModelPreset]:
    """Return a person's own presets, and of those that are shared with them what these models can answer."""
    return usable_presets(user).filter(Q(owner=user.pk) | Q(base_model__in=models))


def offered_presets(user: User, models: Collection[str], chosen: UUID | None = None) -> list[ModelPreset]:
    """Return what the person can choose among while these models can be asked, by name; one query.

    Where there are too many for one list, the `chosen` one comes first, for a second query.
    """
    askable = usable_presets(user).filter(base_model__in=models)
    offered = list(askable.order_by("name", "pk")[:MAX_OFFERED])
    if chosen is None or len(offered) < MAX_OFFERED or any(preset.uuid == chosen for preset in offered):
        return offered
    return [*askable.filter(uuid=chosen), *offered]


def offered_prompts(user: User, query: str) -> QuerySet[PromptPreset]:
    """Return the prompts whose command or name has these words, those that the person used last first."""
    last_use = PromptUse.objects.filter(preset=OuterRef("pk"), used_by=user.pk).values("used_at")[:1]
    found = usable(PromptPreset, user)
    for word in query.split():
        found = found.filter(Q(command__icontains=word) | Q(name__icontains=word))
    return found.annotate(last_use=Subquery(last_use)).order_by(
        F("last_use").desc(nulls_last=True), "-updated_at", "-pk"
    )


def _granted(grant: type[PresetGrant | PromptGrant], user_id: int) -> QuerySet[Any, Any]:
    """Return the ids of presets granted to a person, to a group of theirs, or to everybody."""
    groups = Group.objects.filter(members=user_id).order_by().values("pk")
    grants = grant._default_manager.filter(Q(user=user_id) | Q(group__in=groups) | Q(user=None, group=None))
    return grants.order_by().values("preset")


def _is_member(user_id: int) -> Exists:
    """Whether the site lets this person in at all, now."""
    return Exists(User.objects.filter(pk=user_id, **settings.HEARTH_MEMBERS))


# ---- what a preset draws on ----------------------------------------------------------------------


def readable_documents(preset: ModelPreset, user: User) -> list[rag.Document]:
    """Return those of a preset's documents that this person may read now, by name."""
    given = preset.documents.order_by().values("pk")
    return list(rag.readable_documents(user).filter(pk__in=given).order_by("name", "pk"))


def readable_knowledge(preset: ModelPreset, user: User) -> list[rag.Knowledge]:
    given = preset.knowledge.order_by().values("pk")
    return list(rag.readable_knowledge(user).filter(pk__in=given).order_by("name", "pk"))
