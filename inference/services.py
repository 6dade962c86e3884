"""Changes connections. Each change is seen by this process at once, by others within seconds."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max
from django.utils.text import slugify

from inference import catalog
from inference.conf import environment_connections, unused_prefix
from inference.keys import is_same_host
from inference.models import Connection


@transaction.atomic
def create_connection(*, name: str, kind: str, base_url: str, key: str = "") -> Connection:
    taken = {spec.prefix for spec in environment_connections()}
    taken.update(Connection.objects.values_list("prefix", flat=True))
    last = Connection.objects.aggregate(last=Max("position"))["last"]
    connection = Connection(
        name=name,
        kind=kind,
        base_url=base_url,
        prefix=unused_prefix(slugify(name)[:50], taken),
        position=0 if last is None else last + 1,
    )
    connection.set_key(key)
    connection.save()
    transaction.on_commit(catalog.forget)
    return connection


@transaction.atomic
def update_connection(connection: Connection, *, name: str, kind: str, base_url: str, key: str | None) -> Connection:
    """Change a connection. Its prefix stays, because chats remember models by it.

    Args:
        key: The new key, "" to remove the old one, None to keep it. A kept key never moves to another host:
            keys can be written but not read, and pointing the address elsewhere would read one.
    """
    if key is None and not keeps_key(connection, base_url):
        key = ""
    connection.name, connection.kind, connection.base_url = name, kind, base_url
    fields = ["name", "kind", "base_url"]
    if key is not None:
        connection.set_key(key)
        fields.append("encrypted_key")
    connection.save(update_fields=fields)
    transaction.on_commit(catalog.forget)
    return connection


@transaction.atomic
def enable_connection(connection: Connection, is_enabled: bool) -> Connection:
    connection.is_enabled = is_enabled
    connection.save(update_fields=["is_enabled"])
    transaction.on_commit(catalog.forget)
    return connection


@transaction.atomic
def delete_connection(connection: Connection) -> None:
    connection.delete()
    transaction.on_commit(catalog.forget)


def keeps_key(connection: Connection, base_url: str) -> bool:
    """Whether a connection's stored key may be sent to an address: only to the host it was entered for."""
    return is_same_host(base_url, connection.base_url)
