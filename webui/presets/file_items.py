"""Files that presets are imported from: a list of objects as JSON, written by this site or by Open WebUI."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Final

from webui.presets.errors import ImportRefused

MAX_ITEMS: Final = 5000


def read_items(data: bytes, *, key: str, marks: Collection[str], max_bytes: int) -> list[Any]:
    """Return the items of a file.

    Args:
        key: What the list is called where it stands in an object.
        marks: Each item that is meant has one of these fields, or nothing in the file is.

    Raises:
        ImportRefused: The file is no such export at all.
    """
    if len(data) > max_bytes:
        raise ImportRefused(ImportRefused.TOO_LARGE)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise ImportRefused(ImportRefused.NO_JSON) from exc
    if isinstance(found, dict):
        found = found.get(key, [found])
    items: list[Any] = found if isinstance(found, list) else []
    if not any(isinstance(item, dict) and not item.keys().isdisjoint(marks) for item in items):
        raise ImportRefused(ImportRefused.NOTHING)
    if len(items) > MAX_ITEMS:
        raise ImportRefused(ImportRefused.TOO_LARGE)
    return items


def text_of(value: Any) -> str:
    """Return a text as a database can store it; empty for what is none."""
    if not isinstance(value, str):
        return ""
    return value.replace("\x00", "").encode("utf-8", "replace").decode()
