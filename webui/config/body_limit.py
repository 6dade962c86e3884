"""Refuses requests that bring more than their path takes or the disk has room for, before Django reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from csp.utils import build_policy
from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse

from inference.types import UPLOAD_CHUNK_BYTES
from webui.config.errors import not_stored, too_large
from webui.gateway.bodies import MAX_BODY_BYTES, body_too_large
from webui.gateway.errors import dialect_of

MEGABYTE: Final = 1024 * 1024
ENVELOPE_BYTES: Final = 64 * 1024
"""What a form may add to its file: field names, boundaries, the token."""
NOT_STORED_HEADER: Final = b"x-hearth-not-stored"
"""Set by the web server, and by nobody else, on a request whose body it could not keep."""


def largest_body_bytes() -> int:
    """Return the limit of all requests: that of documents, unless it is smaller than a piece of a model file."""
    return max(_document_bytes(), _import_bytes(), UPLOAD_CHUNK_BYTES, MAX_BODY_BYTES)


def body_limit(path: str) -> int:
    if path in (reverse("knowledge:import"), reverse("chats:import")):
        return _import_bytes()
    is_in_knowledge = path.startswith(reverse("knowledge:list")) and path.endswith("/upload/")
    if is_in_knowledge or path == reverse("documents:upload"):
        return _document_bytes()
    if dialect_of(path):
        return MAX_BODY_BYTES
    is_chunk = path.startswith(reverse("administration:uploads")) and "/chunks/" in path
    return UPLOAD_CHUNK_BYTES if is_chunk else settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def _import_bytes() -> int:
    return int(settings.HEARTH_MAX_IMPORT_MB) * MEGABYTE + ENVELOPE_BYTES


def _document_bytes() -> int:
    return int(settings.HEARTH_MAX_UPLOAD_MB) * MEGABYTE + ENVELOPE_BYTES


class BodyLimit:
    """Answers 413 at once when the announced length is too large, and counts what comes unannounced.

    A body that the web server could not keep is answered with 507.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        limit = body_limit(scope["path"])
        headers = dict(scope["headers"])
        accept = headers.get(b"accept", b"").decode("latin1")
        if NOT_STORED_HEADER in headers:
            await _answer(not_stored(accept), send)
            return
        if _announced_bytes(headers) > limit:
            await _answer(_too_large(scope["path"], accept, limit_mb=limit // MEGABYTE), send)
            return
        n_bytes = 0

        async def receive_within_limit() -> dict[str, Any]:
            nonlocal n_bytes
            message: dict[str, Any] = await receive()
            n_bytes += len(message.get("body", b""))
            # Then the application drops what it has read, as when a visitor leaves, and answers nothing.
            return message if n_bytes <= limit else {"type": "http.disconnect"}

        await self.application(scope, receive_within_limit, send)
        if n_bytes > limit:
            await _answer(_too_large(scope["path"], accept, limit_mb=limit // MEGABYTE), send)


def _too_large(path: str, accept: str, *, limit_mb: int) -> HttpResponse:
    if dialect := dialect_of(path):
        return body_too_large().answer(dialect)
    return too_large(accept, limit_mb=limit_mb)


def _announced_bytes(headers: Mapping[bytes, bytes]) -> int:
    value = headers.get(b"content-length", b"")
    # Longer ones do not fit anything, and int() takes its time with thousands of digits.
    return int(value[:20]) if value.isdigit() else 0


async def _answer(response: HttpResponse, send: Any) -> None:
    # No middleware comes after this.
    response.headers["Content-Security-Policy"] = build_policy()
    response.headers["X-Content-Type-Options"] = "nosniff"
    headers = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})
