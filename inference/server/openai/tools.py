"""Tools and the choice between them, as OpenAI's clients write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inference.errors import InvalidRequest
from inference.server.errors import NotSupported
from inference.server.fields import objects, typed_field
from inference.server.messages import MAX_TOOLS, shallow
from inference.types import Tool


def parse_tools(body: Mapping[str, Any]) -> list[Tool]:
    """Return the functions among `tools`, which lie in an object of their own in chats and flat in responses."""
    tools = []
    for entry in objects(body, "tools", at_most=MAX_TOOLS):
        if entry.get("type") != "function":
            raise NotSupported(f"tools of type {entry.get('type')!r:.60} are not supported, only functions are")
        function = _inner(entry, "function")
        name = typed_field(function, "name", str, "")
        if not name:
            raise InvalidRequest("each of tools needs a name")
        tools.append(
            Tool(
                name=name,
                description=typed_field(function, "description", str, ""),
                parameters=shallow("parameters", typed_field(function, "parameters", dict, {})),
            )
        )
    return tools


def choose(tools: Sequence[Tool], choice: Any) -> tuple[Sequence[Tool], bool]:
    """Return the tools that may be called, and whether one of them must be."""
    match choice:
        case None | "auto":
            return tools, False
        case "none":
            return (), False
        case "required":
            return _some(tools), True
        case dict() if choice.get("type") == "function":
            return _named(tools, [_name_of(choice)]), True
        case dict() if choice.get("type") == "allowed_tools":
            allowed = _inner(choice, "allowed_tools")
            names = [_name_of(entry) for entry in objects(allowed, "tools", at_most=MAX_TOOLS)]
            return _named(tools, names), allowed.get("mode") == "required"
    raise InvalidRequest("tool_choice must be none, auto, required, or an object that names functions")


def _name_of(entry: Mapping[str, Any]) -> str:
    return typed_field(_inner(entry, "function"), "name", str, "")


def _inner(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object that chats keep inside another and responses keep flat."""
    return typed_field(entry, name, dict, {}) or entry


def _named(tools: Sequence[Tool], names: Sequence[str]) -> Sequence[Tool]:
    missing = set(names) - {tool.name for tool in tools}
    if missing:
        raise InvalidRequest(f"tool_choice names {min(missing)!r:.80}, which is not among tools")
    return _some([tool for tool in tools if tool.name in names])


def _some(tools: Sequence[Tool]) -> Sequence[Tool]:
    if not tools:
        raise InvalidRequest("tool_choice asks for a call, and there are no tools")
    return tools
