"""The messages and tools of a chat, as Ollama's clients write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from inference.errors import InvalidRequest
from inference.server.fields import objects, typed_field
from inference.server.images import parse_images
from inference.types import ChatMessage, Role, Tool, ToolCall

MAX_MESSAGES = 20_000
MAX_TOOLS = 128
MAX_CALLS = 128
MAX_DEPTH = 64
"""How deeply a schema or an argument may nest."""

_ROLES = frozenset({"system", "user", "assistant", "tool"})


def parse_messages(body: Mapping[str, Any]) -> list[ChatMessage]:
    messages = typed_field(body, "messages", list, [])
    if len(messages) > MAX_MESSAGES:
        raise InvalidRequest(f"messages may hold at most {MAX_MESSAGES} messages")
    return [_message(message) for message in messages]


def parse_tools(body: Mapping[str, Any]) -> list[Tool]:
    return [_tool(entry) for entry in objects(body, "tools", at_most=MAX_TOOLS)]


def _message(value: Any) -> ChatMessage:
    if not isinstance(value, dict):
        raise InvalidRequest("each of messages must be an object")
    role = value.get("role")
    if role not in _ROLES:
        raise InvalidRequest('the role of a message must be "system", "user", "assistant" or "tool"')
    content = value.get("content")
    if content is not None and not isinstance(content, str):
        raise InvalidRequest("the content of a message must be a string")
    return ChatMessage(
        role=cast(Role, role),
        content=content or "",
        thinking=typed_field(value, "thinking", str, ""),
        images=parse_images(value),
        tool_calls=tuple(map(_tool_call, objects(value, "tool_calls", at_most=MAX_CALLS))),
        # Older clients write `name`.
        tool_name=typed_field(value, "tool_name", str, "") or typed_field(value, "name", str, ""),
        tool_call_id=typed_field(value, "tool_call_id", str, ""),
    )


def _tool_call(entry: Mapping[str, Any]) -> ToolCall:
    function = typed_field(entry, "function", dict, {})
    name = typed_field(function, "name", str, "")
    if not name:
        raise InvalidRequest("each of tool_calls needs a function with a name")
    arguments = typed_field(function, "arguments", dict, {})
    return ToolCall(name=name, arguments=shallow("arguments", arguments), id=typed_field(entry, "id", str, ""))


def _tool(entry: Mapping[str, Any]) -> Tool:
    if entry.get("type", "function") != "function":
        raise InvalidRequest('the type of a tool must be "function"')
    function = typed_field(entry, "function", dict, {})
    name = typed_field(function, "name", str, "")
    if not name:
        raise InvalidRequest("each of tools needs a function with a name")
    return Tool(
        name=name,
        description=typed_field(function, "description", str, ""),
        parameters=shallow("parameters", typed_field(function, "parameters", dict, {})),
    )


def shallow(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return an object that does not nest too deeply for those that walk it. Raises InvalidRequest."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return value
    raise InvalidRequest(f"{name} may nest at most {MAX_DEPTH} levels deep")
