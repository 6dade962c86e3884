"""What a program is told that is refused, in the shape of the dialect that it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from django.http import JsonResponse

from inference.errors import (
    BadCredentials,
    ConnectionFailed,
    InferenceError,
    InvalidRequest,
    ModelNotFound,
    NotSpoken,
    UpstreamRefused,
    UpstreamTimeout,
)

Dialect = Literal["openai", "anthropic", "ollama"]

HANDED_ON: Final = frozenset({400, 404, 409, 413, 422, 429, 500, 501, 503, 507})
"""Statuses of upstreams that mean the same to whoever asked; the others are our own trouble with them."""
# Source: https://platform.openai.com/docs/guides/error-codes.
_OPENAI_TYPES: Final = {
    401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error",
}  # fmt: skip
# Source: https://docs.anthropic.com/en/api/errors.
_ANTHROPIC_TYPES: Final = _OPENAI_TYPES | {413: "request_too_large", 503: "overloaded_error"}


class Refused(Exception):
    """A request that goes no further. `code` lets a program tell what happened without reading the sentence."""

    def __init__(self, status: int, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param

    def answer(self, dialect: Dialect) -> JsonResponse:
        headers = {"Cache-Control": "no-store"}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JsonResponse(self.body(dialect), status=self.status, headers=headers)

    def body(self, dialect: Dialect) -> Mapping[str, Any]:
        if dialect == "ollama":
            return {"error": self.message, "code": self.code}
        if dialect == "anthropic":
            fallback = "invalid_request_error" if self.status < 500 else "api_error"
            kind = _ANTHROPIC_TYPES.get(self.status, fallback)
            return {"type": "error", "error": {"type": kind, "message": self.message}}
        fallback = "invalid_request_error" if self.status < 500 else "server_error"
        kind = _OPENAI_TYPES.get(self.status, fallback)
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def dialect_of(path: str) -> Dialect | None:
    """Return what is spoken at an address; None when it is none of the gateway's."""
    if path == "/v1/messages" or path.startswith("/v1/messages/"):
        return "anthropic"
    if path.startswith("/v1/"):
        return "openai"
    return "ollama" if path.startswith("/ollama/") else None


def model_not_found(model: str) -> Refused:
    return Refused(404, f"model '{model}' not found", code="model_not_found", param="model")


def no_longer_allowed() -> Refused:
    return Refused(403, "You may not ask this any more.", code="no_longer_allowed")


def refusal_of(error: InferenceError) -> Refused:
    """Return what is told of an error between us and a model: nothing about where its server is."""
    if isinstance(error, ModelNotFound):
        return model_not_found(error.model)
    if isinstance(error, InvalidRequest):
        return Refused(400, error.detail, code="invalid_request")
    if isinstance(error, NotSpoken):
        return Refused(
            400, f"The server that offers this model does not know {error.path}.", code="not_supported", param="model"
        )
    if isinstance(error, UpstreamTimeout):
        return Refused(504, "The server of this model did not answer in time.", code="upstream_timeout")
    if isinstance(error, BadCredentials):
        return Refused(502, "The server of this model does not accept our key.", code="upstream_refused")
    if isinstance(error, UpstreamRefused) and error.status in HANDED_ON:
        return Refused(error.status, error.detail or "The server of this model refused.", code="upstream_refused")
    if isinstance(error, ConnectionFailed):
        return Refused(502, "The server of this model cannot be reached.", code="upstream_unreachable")
    return Refused(502, "The server of this model failed.", code="upstream_failed")
