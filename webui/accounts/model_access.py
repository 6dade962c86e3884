"""Who may use which model: the one place that decides it, whatever shows a model or asks it.

A model is open to everybody until an administrator names people and groups for it; administrators may use all. To who
may not use it, a model is not there. It is known by its connection's prefix and its own name, so that no other
spelling that the catalog takes goes round what was said of it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final
from uuid import UUID

from asgiref.sync import async_to_sync, sync_to_async
from django.db import close_old_connections, connection, transaction

from inference import client
from inference.errors import InferenceError, ModelNotFound
from inference.types import ModelInfo, ModelList
from webui.accounts import conf
from webui.accounts.audiences import Audience
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.models import Group, ModelRule, User

RULES_TTL_S: Final = 0.5
"""How long another process may go on with what was said before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """For whom a model is. `is_default`: nothing was said of it."""

    is_open: bool
    is_default: bool = False
    people: frozenset[int] = frozenset()
    groups: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Known:
    default: Rule = field(default_factory=lambda: Rule(is_open=True, is_default=True))
    rules: Mapping[str, Rule] = field(default_factory=dict)
    until: float = 0.0

    @property
    def has_closed(self) -> bool:
        return not self.default.is_open or any(not rule.is_open for rule in self.rules.values())


_known = _Known()


class Access:
    """What one person may use. One query for their groups, once a model is met that is not for everybody."""

    def __init__(self, user: User) -> None:
        self.user = user
        self._rules = _read_rules()

    def allows(self, key: str) -> bool:
        if not self.user.may_chat:
            return False
        rule = self._rules.rules.get(key, self._rules.default)
        if rule.is_open or self.user.is_admin or self.user.pk in rule.people:
            return True
        return bool(rule.groups) and not rule.groups.isdisjoint(self._groups)

    @cached_property
    def _groups(self) -> frozenset[int]:
        return frozenset(group.pk for group in self.user.groups.all())


def usable(user: User, models: ModelList) -> ModelList:
    """Return the models of a list that a person may use."""
    access = Access(user)
    return replace(models, models=tuple(model for model in models.models if access.allows(model.key)))


def models_for(user: User) -> ModelList:
    """Return what a page can offer a person at once: see `client.models_at_hand`."""
    return usable(user, async_to_sync(client.models_at_hand)())


async def require_model(user: User | int, model_id: str) -> ModelInfo:
    """Return a model that a person, or the one with this id, may use.

    Raises ModelNotFound as for a model that is not there, or why the connection that should have it does not answer.
    """
    model = await client.find_model(model_id)
    asked = (user.pk if isinstance(user, User) else user, model.key)
    if await refused_now([asked]):
        raise ModelNotFound(model_id)
    return model


def is_hidden(user: User, model_id: str) -> bool:
    """Whether a person is to be told nothing of a model: it is not theirs to use, or not there.

    Nobody is asked while all models are open.
    """
    if user.is_admin or not _read_rules().has_closed:
        return False
    try:
        async_to_sync(require_model)(user, model_id)
    except InferenceError:
        return True
    return False


async def refused_now(asked: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
    """As `refused`, on the event loop: without a thread while the rules are known and all models open."""
    if time.monotonic() < _known.until and not _known.has_closed:
        return set()
    return await sync_to_async(_refused_in_thread)(asked)


def _refused_in_thread(asked: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
    try:
        return refused(asked)
    finally:
        # A synchronous view that asks does so in this very thread, perhaps inside a transaction.
        if not connection.in_atomic_block:
            close_old_connections()


def refused(asked: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
    """Return which people, by id, may not use which model, by key. Two queries for all, none while all are open."""
    if not _read_rules().has_closed:
        return set()
    people = User.objects.prefetch_related("groups").in_bulk({person for person, _ in asked})
    accesses = {pk: Access(person) for pk, person in people.items()}
    return {(pk, key) for pk, key in asked if pk not in accesses or not accesses[pk].allows(key)}


def rule_of(key: str) -> Rule:
    known = _read_rules()
    return known.rules.get(key, known.default)


def forget_rules() -> None:
    """Ask the database anew with the next question."""
    _known.until = 0.0


def set_rule(key: str, *, is_open: bool, people: Collection[User], groups: Collection[Group], by: User) -> None:
    """Say for whom a model is: everybody, or the people and groups named, and administrators."""
    with transaction.atomic():
        rule, _ = ModelRule.objects.update_or_create(key=key, defaults={"is_open": is_open, "changed_by": by})
        rule.people.set(people)
        rule.groups.set(groups)
        record(Event.MODEL_ACCESS_CHANGED, key, detail=_in_words(rule), by=by)
    forget_rules()


def give_model(key: str, audience: Audience, *, by: User) -> None:
    """Let a person or a group use a model, beside those who were given it; with neither, everybody."""
    if audience.user is None and audience.group is None:
        set_rule(key, is_open=True, people=[], groups=[], by=by)
        return
    with transaction.atomic():
        rule, _ = ModelRule.objects.update_or_create(key=key, defaults={"is_open": False, "changed_by": by})
        if audience.user:
            rule.people.add(audience.user)
        if audience.group:
            rule.groups.add(audience.group)
        record(Event.MODEL_ACCESS_CHANGED, key, detail=_in_words(rule), by=by)
    forget_rules()


def take_model(key: str, member: UUID, *, by: User) -> None:
    """Take a model from the person or the group with this uuid; what is not given is let be."""
    with transaction.atomic():
        rule = ModelRule.objects.filter(key=key).first()
        if rule is None:
            return
        rule.people.remove(*rule.people.filter(uuid=member))
        rule.groups.remove(*rule.groups.filter(uuid=member))
        rule.changed_by = by
        rule.save(update_fields=["changed_by", "changed_at"])
        record(Event.MODEL_ACCESS_CHANGED, key, detail=_in_words(rule), by=by)
    forget_rules()


def audiences_of(key: str) -> list[Audience]:
    """Return whom a model was given to, groups first; three queries."""
    rule = ModelRule.objects.filter(key=key).first()
    if rule is None:
        return []
    groups = [Audience(group=group) for group in rule.groups.all()]
    return groups + [Audience(user=person) for person in rule.people.order_by("name", "email")]


def drop_rule(key: str, *, by: User) -> None:
    """Let the setting for new models hold for this one too."""
    with transaction.atomic():
        if ModelRule.objects.filter(key=key).delete()[0]:
            record(Event.MODEL_ACCESS_CHANGED, key, detail="as new models", by=by)
    forget_rules()


def _read_rules() -> _Known:
    """Return what was said of all models. Two queries, four with rules, and none in the half second after them."""
    global _known
    if time.monotonic() >= _known.until:
        rows = ModelRule.objects.prefetch_related("people", "groups")
        _known = _Known(
            default=Rule(is_open=conf.opens_new_models(), is_default=True),
            rules={row.key: _rule(row) for row in rows},
            until=time.monotonic() + RULES_TTL_S,
        )
    return _known


def _in_words(rule: ModelRule) -> str:
    """Return for whom a model is, for the log."""
    if rule.is_open:
        return "everybody"
    return ", ".join([*map(str, rule.groups.all()), *(user.email for user in rule.people.all())]) or "administrators"


def _rule(row: ModelRule) -> Rule:
    return Rule(
        is_open=row.is_open,
        people=frozenset(person.pk for person in row.people.all()),
        groups=frozenset(group.pk for group in row.groups.all()),
    )
