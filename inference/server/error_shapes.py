"""The shape in which a route tells an error: that of the protocol to which the route belongs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.server.anthropic.errors import anthropic_error
from inference.server.openai.errors import openai_error


def error_shape(path: str, status: int, text: str, code: str) -> Mapping[str, Any]:
    """Return the JSON of an error. `code` is ours: a client need not read the sentence to know what happened."""
    if path == "/v1/messages" or path.startswith("/v1/messages/"):
        return anthropic_error(status, text)
    if path.startswith("/v1/"):
        return openai_error(status, text, code)
    return {"error": text, "code": code}
