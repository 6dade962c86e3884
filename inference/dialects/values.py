"""Reads single values out of JSON that a stranger wrote. What is not honest counts as missing."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

import orjson

MAX_COUNT = 2**31 - 1
"""What an integer column holds."""
MAX_DETAIL_LENGTH = 500
NS_PER_S = 1_000_000_000


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def count(value: object) -> int | None:
    """Return a number of things, or None for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_COUNT else None


def size(value: object) -> int | None:
    """Return a number of bytes, or None for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 2**63 else None


def seconds(nanoseconds: object) -> float | None:
    found = size(nanoseconds)
    return None if found is None else found / NS_PER_S


def moment(value: object) -> datetime | None:
    """Return an RFC 3339 time with its zone; Ollama writes nine digits of fraction."""
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def error_detail(body: bytes) -> str:
    """Return what an error body says, in one line, or an empty string for HTML and other noise.

    Ollama says `{"error": "text"}`, OpenAI `{"error": {"message": "text"}}`, FastAPI `{"detail": "text"}`.
    """
    try:
        value = mapping(orjson.loads(body))
    except orjson.JSONDecodeError:
        return ""
    return detail_of(value.get("error")) or detail_of(value.get("detail")) or detail_of(value.get("message"))


def detail_of(error: object) -> str:
    """Return the one line that an error value says; it is a stranger's text, so it is kept short and plain."""
    message = text(error) or text(mapping(error).get("message"))
    plain = "".join(" " if unicodedata.category(character)[0] == "C" else character for character in message)
    return " ".join(plain.split())[:MAX_DETAIL_LENGTH]
