"""Our errors in Anthropic's shape."""

from __future__ import annotations

from typing import Literal, TypedDict

# Source: https://docs.anthropic.com/en/api/errors.
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    503: "overloaded_error",
}


class ErrorBody(TypedDict):
    type: str
    message: str


class ErrorAnswer(TypedDict):
    type: Literal["error"]
    error: ErrorBody


def anthropic_error(status: int, message: str) -> ErrorAnswer:
    kind = _TYPES.get(status) or ("invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}
