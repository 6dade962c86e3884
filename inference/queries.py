"""Which connections there are. They belong to the site, so there is no user to ask for."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from inference.conf import ConnectionSpec, builtin_connection, environment_connections
from inference.models import Connection


def connections() -> QuerySet[Connection]:
    """All that were entered in the pages, in the order in which they are asked."""
    return Connection.objects.order_by("position", "id")


def connection_by_uuid(connection_uuid: UUID) -> Connection | None:
    return Connection.objects.filter(uuid=connection_uuid).first()


def fixed_connections() -> tuple[ConnectionSpec, ...]:
    """The connections that no page can change: the built-in server, and those of the environment."""
    return builtin_connection(), *environment_connections()


def enabled_connections() -> tuple[ConnectionSpec, ...]:
    """Everything that may be used: the built-in server, the environment's, and the enabled rows."""
    return (
        *fixed_connections(),
        *(connection.spec() for connection in connections().filter(is_enabled=True)),
    )
