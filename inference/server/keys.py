"""The keys of clients: `Authorization: Bearer KEY`, or `x-api-key: KEY` as Anthropic's clients send it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence


def given_key(headers: Mapping[str, str]) -> str:
    """Return the key that a request brings; empty without one."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return headers.get("x-api-key", "").strip()


class KeyCheck:
    """Tells whether a request may be answered: with one of the keys, or by anybody where there are none."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys = [key.encode() for key in keys]

    def allows(self, headers: Mapping[str, str]) -> bool:
        given = given_key(headers).encode()
        # All are compared, so that the time tells neither how much of a key is right nor which one it is.
        return not self._keys or sum(hmac.compare_digest(given, key) for key in self._keys) > 0
