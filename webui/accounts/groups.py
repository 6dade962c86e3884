"""Groups of people: making, changing and filling them."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet

from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.errors import GroupNameTaken
from webui.accounts.models import Group, Role, User


def groups() -> QuerySet[Group]:
    """All groups by name, each with `n_members`."""
    return Group.objects.annotate(n_members=Count("members"))


def groups_known_to(person: User) -> QuerySet[Group]:
    """Return the groups that a person may share with: their own, for administrators all."""
    return Group.objects.all() if person.is_admin else Group.objects.filter(members=person)


def create_group(name: str, description: str = "") -> Group:
    """Raises GroupNameTaken."""
    return _saved(Group(name=name, description=description), Event.GROUP_CREATED)


def change_group(group: Group, name: str, description: str) -> Group:
    """Raises GroupNameTaken."""
    group.name, group.description = name, description
    return _saved(group, Event.GROUP_CHANGED)


@transaction.atomic
def delete_group(group: Group) -> None:
    """Delete a group with all that was shared with it; the people stay."""
    record(Event.GROUP_DELETED, group)
    group.delete()


@transaction.atomic
def add_member(group: Group, person: User) -> None:
    group.members.add(person)
    record(Event.MEMBER_ADDED, person, detail=group.name)


@transaction.atomic
def remove_member(group: Group, person: User) -> None:
    group.members.remove(person)
    record(Event.MEMBER_REMOVED, person, detail=group.name)


def find_person(words: str) -> User | None:
    """Return the member of the site with this e-mail address, or the only one with this name; None if there is none."""
    members = User.objects.filter(is_active=True, role__in=(Role.USER, Role.ADMIN))
    found = members.filter(Q(email__iexact=words) | Q(name__iexact=words))[:2]
    exact = [person for person in found if person.email.lower() == words.lower()]
    return exact[0] if exact else found[0] if len(found) == 1 else None


def _saved(group: Group, event: Event) -> Group:
    try:
        with transaction.atomic():
            group.save()
            record(event, group)
    except IntegrityError as exc:
        if Group.objects.filter(name=group.name).exclude(pk=group.pk).exists():
            raise GroupNameTaken from exc
        raise
    return group
