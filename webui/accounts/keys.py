"""API keys: made, looked up by what a program shows, and ended.

A token is shown once, when it is made. Who may not chat, or may not have keys any more, has no key that works.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.models import ApiKey, User
from webui.accounts.permissions import Permission, may

TOKEN_PREFIX: Final = "hearth-"  # noqa: S105  (the part that is no secret)
N_SHOWN: Final = len(TOKEN_PREFIX) + 6
MAX_TOKEN_LENGTH: Final = 200
LAST_USE_EVERY: Final = timedelta(minutes=1)


@transaction.atomic
def create_key(
    owner: User, *, name: str, scopes: Collection[ApiKey.Scope], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Return a new key and its token, which nobody can be told again."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        owner=owner,
        name=name,
        prefix=token[:N_SHOWN],
        digest=_digest(token),
        scopes=sorted(scopes),
        expires_at=expires_at,
    )
    record(Event.KEY_CREATED, key.name, detail=_facts(key), by=owner)
    return key, token


def key_for(token: str) -> ApiKey | None:
    """Return the key that a token opens now, with its owner, and note its use; None when there is none.

    One query, and another one once a minute for each key.
    """
    if not token.startswith(TOKEN_PREFIX) or len(token) > MAX_TOKEN_LENGTH:
        return None
    key = ApiKey.objects.select_related("owner").filter(digest=_digest(token)).first()
    if key is None or not _works(key):
        return None
    _note_use(key)
    return key


def living_keys(ids: Collection[int]) -> set[int]:
    """Return those of these keys that still work; one query, and one for each owner while permissions are withheld."""
    keys = ApiKey.objects.select_related("owner").in_bulk(list(ids)) if ids else {}
    return {pk for pk, key in keys.items() if _works(key)}


@transaction.atomic
def revoke_key(key: ApiKey) -> None:
    """End a key; the next request with it is a stranger's."""
    record(Event.KEY_REVOKED, key.name, detail=_facts(key))
    key.delete()


@transaction.atomic
def revoke_keys(owner: User) -> int:
    """End all keys of a person; return how many there were."""
    n_ended = ApiKey.objects.filter(owner=owner).delete()[0]
    record(Event.KEYS_REVOKED, owner, detail=str(n_ended))
    return n_ended


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at >= LAST_USE_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - LAST_USE_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _works(key: ApiKey) -> bool:
    return not key.is_expired and may(key.owner, Permission.API_KEYS)


def _facts(key: ApiKey) -> str:
    """Return what tells a key from others, without its secret."""
    return f"{key.prefix}…, {', '.join(key.scopes)}"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
