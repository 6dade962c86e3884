"""The keys of clients: `Authorization: Bearer KEY`, or `x-api-key: KEY` as Anthropic's clients send it."""

from __future__ import annotations

from django.http import HttpRequest


def given_key(request: HttpRequest) -> str:
    """Return the key that a request brings; empty without one."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return request.headers.get("x-api-key", "").strip()
