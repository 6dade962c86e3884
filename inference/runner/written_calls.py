"""What a call says, however a model wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.runner.call_cursor import NotACall, parsed_json
from inference.types import Tool


@dataclass(frozen=True, slots=True)
class Written:
    """A call as the model wrote it; `id` is empty where the notation has none."""

    name: str
    arguments: Mapping[str, object]
    id: str = ""


def calls_of(value: Any) -> list[Written]:
    """Return the calls that JSON holds. Raises NotACall when any of it is none."""
    entries = value if isinstance(value, list) else [value]
    return [_call(entry) for entry in entries]


def _call(entry: Any) -> Written:
    if isinstance(entry, dict) and isinstance(entry.get("function"), dict):
        entry = {"id": entry.get("id"), **entry["function"]}
    if not isinstance(entry, dict):
        raise NotACall
    name = next((entry[key] for key in ("name", "tool_name", "function") if key in entry), None)
    if not isinstance(name, str) or not name.strip():
        raise NotACall
    arguments = next((entry[key] for key in ("arguments", "parameters", "args") if key in entry), None)
    identity = entry.get("id", entry.get("tool_call_id"))
    return Written(name, arguments_of(arguments), identity if isinstance(identity, str) else "")


def arguments_of(value: Any) -> dict[str, object]:
    """Return a call's arguments; some models write them as a text that holds JSON."""
    if isinstance(value, str) and value.strip():
        value = parsed_json(value)
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise NotACall
    return value


def typed(value: str, tool: Tool | None, key: str) -> object:
    """Return an argument that was written without quotes, as what the tool's schema says it is."""
    properties = tool.parameters.get("properties") if tool is not None else None
    schema = properties.get(key) if isinstance(properties, dict) else None
    wanted = schema.get("type") if isinstance(schema, dict) else "string"
    if wanted == "string":
        return value
    try:
        return parsed_json(value)
    except NotACall:
        return {"true": True, "false": False, "none": None}.get(value.strip().lower(), value)
