"""Our errors in OpenAI's shape."""

from __future__ import annotations

from typing import TypedDict

from inference.errors import InferenceError
from inference.server.errors import answer_for, code_of


class ErrorBody(TypedDict):
    message: str
    type: str
    param: None
    code: str


class ErrorAnswer(TypedDict):
    error: ErrorBody


def openai_error(status: int, message: str, code: str) -> ErrorAnswer:
    """Source: https://platform.openai.com/docs/guides/error-codes."""
    kind = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}.get(status)
    kind = kind or ("invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def openai_body(error: InferenceError) -> ErrorAnswer:
    answer = answer_for(error)
    return openai_error(answer.status, answer.text, code_of(error))
