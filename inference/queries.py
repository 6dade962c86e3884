"""Which connections there are. They belong to the site, so there is no user to ask for."""

from __future__ import annotations

from django.db.models import QuerySet

from inference.conf import ConnectionSpec, builtin_connection, environment_connections
from inference.models import Connection


def connections() -> QuerySet[Connection]:
    """All that were entered in the pages, in the order in which they are asked."""
    return Connection.objects.order_by("position", "id")


def enabled_connections() -> tuple[ConnectionSpec, ...]:
    """Everything that may be used: the built-in server, the environment's, and the enabled rows."""
    return (
        builtin_connection(),
        *environment_connections(),
        *(connection.spec() for connection in connections().filter(is_enabled=True)),
    )
