"""Whose turn it is: the key between which the runners are fair, and what may wait."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.http import HttpRequest

from inference.server.keys import given_key
from inference.types import Priority

USER_HEADER = "Hearth-User"
PRIORITY_HEADER = "Hearth-Priority"
MAX_KEY_CHARACTERS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks. `key` is opaque; it never tells a name or a secret."""

    key: str = ""
    priority: Priority = "person"


def asker_of(request: HttpRequest) -> Asker:
    """Return who asks: the user that the site names, else whoever holds that API key, else that address."""
    priority: Priority = "idle" if request.headers.get(PRIORITY_HEADER) == "idle" else "person"
    if user := request.headers.get(USER_HEADER, ""):
        return Asker(key=f"user {user[:MAX_KEY_CHARACTERS]}", priority=priority)
    if key := given_key(request.headers):
        return Asker(key=f"key {hashlib.sha256(key.encode()).hexdigest()[:16]}", priority=priority)
    return Asker(key=f"address {request.META.get('REMOTE_ADDR') or ''}", priority=priority)
