"""The language of who has chosen none, for what does not come through Django's middleware."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language_from_request


def language_of_scope(scope: Mapping[str, Any]) -> str:
    """Return the language that a socket was opened in: of the device's cookie, else of its browser's wishes."""
    request = HttpRequest()
    request.COOKIES = scope.get("cookies", {})
    wishes = dict(scope.get("headers", ())).get(b"accept-language", b"")
    request.META["HTTP_ACCEPT_LANGUAGE"] = wishes.decode("latin-1")
    return get_language_from_request(request)
