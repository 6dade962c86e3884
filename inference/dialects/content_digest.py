"""The header that carries the SHA-256 of a body. Source: RFC 9530, `Content-Digest`."""

from __future__ import annotations

import base64
import binascii
import re

_SHA256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|$)")


def content_digest(digest: bytes) -> str:
    return f"sha-256=:{base64.b64encode(digest).decode()}:"


def parse_content_digest(header: str) -> bytes | None:
    """Return the 32 bytes of the SHA-256 that a header names; None when it names none."""
    found = _SHA256.search(header)
    if found is None:
        return None
    try:
        return base64.b64decode(found[1], validate=True)
    except binascii.Error:
        return None
