"""Changes connections to servers that make pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from inference.keys import is_same_host
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.models import Group
from webui.imagery.models import ImageConnection


@transaction.atomic
def create_connection(*, kind: str, key: str = "", groups: Iterable[Group] = (), **values: Any) -> ImageConnection:
    """Keep a new connection; the first one is the default."""
    has_default = ImageConnection.objects.filter(is_default=True).exists()
    connection = ImageConnection(kind=kind, is_default=not has_default, **values)
    connection.set_key(key)
    connection.save()
    connection.groups.set(groups)
    record(Event.PICTURE_SERVER_CREATED, connection, detail=connection.base_url)
    return connection


@transaction.atomic
def update_connection(
    connection: ImageConnection, *, key: str | None, groups: Iterable[Group] = (), **values: Any
) -> ImageConnection:
    """Change a connection.

    Args:
        key: The new key, "" to remove the old one, None to keep it. A kept key never moves to another host:
            keys can be written but not read, and pointing the address elsewhere would read one.
    """
    if key is None and not keeps_key(connection, values["base_url"]):
        key = ""
    for name, value in values.items():
        setattr(connection, name, value)
    if key is not None:
        connection.set_key(key)
    connection.save(update_fields=[*values, "encrypted_key"])
    connection.groups.set(groups)
    record(Event.PICTURE_SERVER_CHANGED, connection, detail=connection.base_url)
    return connection


@transaction.atomic
def make_default(connection: ImageConnection) -> None:
    _make_default(connection)
    record(Event.PICTURE_SERVER_PREFERRED, connection)


def _make_default(connection: ImageConnection) -> None:
    # One after the other: at no moment are there two.
    ImageConnection.objects.filter(is_default=True).update(is_default=False)
    ImageConnection.objects.filter(pk=connection.pk).update(is_default=True)


@transaction.atomic
def enable_connection(connection: ImageConnection, is_enabled: bool) -> None:
    connection.is_enabled = is_enabled
    connection.save(update_fields=["is_enabled"])
    record(Event.PICTURE_SERVER_ENABLED if is_enabled else Event.PICTURE_SERVER_DISABLED, connection)


@transaction.atomic
def delete_connection(connection: ImageConnection) -> None:
    """Forget a connection; of those that stay the oldest is the default then."""
    was_default = connection.is_default
    record(Event.PICTURE_SERVER_DELETED, connection)
    connection.delete()
    if was_default and (next_one := ImageConnection.objects.order_by("id").first()):
        _make_default(next_one)


def keeps_key(connection: ImageConnection, base_url: str) -> bool:
    """Whether a connection's stored key may be sent to an address: only to the host it was entered for."""
    return is_same_host(base_url, connection.base_url)
