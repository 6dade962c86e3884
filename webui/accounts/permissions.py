"""What somebody may do besides asking models: each permission named once, given to everybody or to groups.

Everybody has all of them until an administrator gives one to groups alone; who is in one of these groups has it, and so
has every administrator. What is not given is refused on the one path to it: views say what they need by `needs`, and
what is offered to a person is asked of `permissions_of`.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.errors import NotPermitted
from webui.accounts.models import Group, Role, User, WithheldPermission

SITE_TTL_S: Final = 0.5
"""How long another process may go on with what everybody had before."""


class Permission(models.TextChoices):
    """Labels say what one may do, after "May"."""

    UPLOAD = "upload", _("Upload documents and pictures")
    WEB_PAGES = "web_pages", _("Bring web pages into chats")
    CREATE_KNOWLEDGE = "create_knowledge", _("Create and import knowledge")
    SHARE_KNOWLEDGE = "share_knowledge", _("Share knowledge")
    CREATE_PICTURES = "create_pictures", _("Have pictures made")
    VOICE = "voice", _("Use the servers for dictation and reading aloud")
    SHARE_CHATS = "share_chats", _("Share chats")
    SHARE_PUBLICLY = "share_publicly", _("Share chats with everybody who has the link")
    TEMPORARY_CHATS = "temporary_chats", _("Have temporary chats")
    IMPORT_CHATS = "import_chats", _("Import chats")
    EXPORT_CHATS = "export_chats", _("Export chats")
    CREATE_PRESETS = "create_presets", _("Create and import presets and prompts")
    SHARE_PRESETS = "share_presets", _("Share presets and prompts")
    API_KEYS = "api_keys", _("Have API keys")


ALL: Final = frozenset(Permission)


@dataclass(slots=True)
class _Known:
    withheld: frozenset[str] = frozenset()
    until: float = 0.0


_known = _Known()


def permissions_of(user: User) -> frozenset[Permission]:
    """Return what a person may do now.

    Mostly no query: one for what everybody has when that is half a second old, one for groups while some of it is
    given to groups alone.
    """
    if not user.may_chat:
        return frozenset()
    if user.is_admin:
        return ALL
    withheld = withheld_permissions()
    if not withheld:
        return ALL
    given = {name for names in user.groups.order_by().values_list("permissions", flat=True) for name in names}
    return frozenset(permission for permission in ALL if permission not in withheld or permission in given)


def may(user: User, permission: Permission) -> bool:
    return permission in permissions_of(user)


def require(user: User, permission: Permission) -> None:
    """Raises NotPermitted."""
    if not may(user, permission):
        raise NotPermitted(permission.label)


def is_held_by(person: str, permission: Permission) -> models.Q:
    """Return the condition that the person in a field of a query may do something now.

    No query while everybody may, but as `permissions_of` says; else one for the groups.
    """
    if permission not in withheld_permissions():
        return models.Q()
    in_groups = models.Q(groups__in=[group.pk for group in groups_with(permission)])
    holders = User.objects.filter(models.Q(role=Role.ADMIN) | in_groups)
    return models.Q(**{f"{person}__in": holders.order_by().values("pk")})


def withheld_permissions() -> frozenset[str]:
    """Return what not everybody may do. One query, and none in the half second after it."""
    if time.monotonic() >= _known.until:
        _known.withheld = frozenset(WithheldPermission.objects.values_list("name", flat=True))
        _known.until = time.monotonic() + SITE_TTL_S
    return _known.withheld


def forget_permissions() -> None:
    """Ask the database anew with the next question."""
    _known.until = 0.0


def give_to_everybody(permissions: Collection[Permission], *, by: User) -> None:
    """Let everybody do these things, and all others only those whose groups may."""
    with transaction.atomic():
        WithheldPermission.objects.filter(name__in=permissions).delete()
        withheld = [WithheldPermission(name=name, changed_by=by) for name in ALL - set(permissions)]
        WithheldPermission.objects.bulk_create(withheld, ignore_conflicts=True)
        record(Event.PERMISSIONS_CHANGED, detail=", ".join(sorted(permissions)))
    forget_permissions()


@transaction.atomic
def give_to_group(group: Group, permissions: Collection[Permission]) -> None:
    """Let the members of a group do these things, whatever everybody may."""
    group.permissions = sorted(permissions)
    group.save(update_fields=["permissions"])
    record(Event.GROUP_PERMISSIONS_CHANGED, group, detail=", ".join(group.permissions))


def groups_with(permission: Permission) -> list[Group]:
    """Return the groups that have been given a permission, by name."""
    return [group for group in Group.objects.all() if permission in group.permissions]
