"""Middleware of the model server. The log line per request is written outside of Django, see `access_log`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import async_only_middleware

from inference.server.callers import refusal_of
from inference.server.endpoints import error_response
from inference.server.state import get_state

GetResponse = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

ALLOWED_METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
# Source: Ollama's server/routes.go, and what OpenAI's and Anthropic's clients for browsers send.
ALLOWED_HEADERS = ", ".join((
    "Authorization", "Content-Type", "User-Agent", "Accept", "X-Requested-With", "Hearth-Progress", "X-Api-Key",
    "OpenAI-Beta", "OpenAI-Organization", "OpenAI-Project", "Anthropic-Version", "Anthropic-Beta",
    "Anthropic-Dangerous-Direct-Browser-Access", "Idempotency-Key", "X-Stainless-Arch", "X-Stainless-Async",
    "X-Stainless-Custom-Poll-Interval", "X-Stainless-Helper-Method", "X-Stainless-Lang", "X-Stainless-OS",
    "X-Stainless-Package-Version", "X-Stainless-Poll-Helper", "X-Stainless-Retry-Count", "X-Stainless-Runtime",
    "X-Stainless-Runtime-Version", "X-Stainless-Timeout",
))  # fmt: skip
PREFLIGHT_AGE_S = 12 * 3600
OPEN_PATHS = frozenset({"/"})
"""Where anybody may see that the server runs, and nothing else."""


@async_only_middleware
def only_known_callers(get_response: GetResponse) -> GetResponse:
    """Refuse names that do not mean this server, pages that were not allowed to call it, and those without a key."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        origin = request.headers.get("Origin")
        is_preflight = request.method == "OPTIONS"  # Browsers send it without the key.
        needs_key = not is_preflight and request.path not in OPEN_PATHS
        refusal = refusal_of(get_state(), request.headers, needs_key=needs_key)
        if refusal is not None and refusal.status == 403:
            return error_response(request, refusal.status, refusal.text, refusal.code)
        if refusal is not None:
            response: HttpResponseBase = error_response(request, refusal.status, refusal.text, refusal.code)
            response["WWW-Authenticate"] = "Bearer"
        elif is_preflight:
            response = _preflight()
        else:
            response = await get_response(request)
        if origin is not None:
            response["Access-Control-Allow-Origin"] = origin
            response["Vary"] = "Origin"
        return response

    return middleware


def _preflight() -> HttpResponse:
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Methods"] = ALLOWED_METHODS
    response["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
    response["Access-Control-Max-Age"] = str(PREFLIGHT_AGE_S)
    return response
