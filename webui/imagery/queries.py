"""Which connections there are, and which of them somebody may use."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from webui.accounts.models import User
from webui.accounts.permissions import Permission, may
from webui.imagery import conf
from webui.imagery.models import ImageConnection


def connections() -> QuerySet[ImageConnection]:
    """All of them, the default first."""
    return ImageConnection.objects.defer("workflow")


def connection_by_uuid(uuid: UUID) -> ImageConnection | None:
    return ImageConnection.objects.filter(uuid=uuid).first()


def usable_connections(user: User) -> QuerySet[ImageConnection]:
    """Those that a person may have pictures made with now, the default first."""
    if not conf.may_be_created() or not may(user, Permission.CREATE_PICTURES):
        return ImageConnection.objects.none()
    own = ImageConnection.groups.through.objects.filter(group__in=user.groups.order_by().values("pk"))
    may_use = Q(is_restricted=False) | Q(pk__in=own.values("imageconnection"))
    return connections().filter(may_use, is_enabled=True)
