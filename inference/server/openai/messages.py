"""The messages of a chat, as OpenAI's clients write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from inference.errors import InvalidRequest
from inference.server.errors import NotSupported
from inference.server.fields import objects, typed_field
from inference.server.images import data_url
from inference.server.messages import MAX_CALLS, MAX_MESSAGES, shallow
from inference.types import ChatMessage, Role, ToolCall

MAX_PARTS = 1000
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


def parse_messages(body: Mapping[str, Any]) -> list[ChatMessage]:
    given = objects(body, "messages", at_most=MAX_MESSAGES)
    if not given:
        raise InvalidRequest("messages must hold at least one message")
    names: dict[str, str] = {}
    messages = []
    for entry in given:
        message = _message(entry, names)
        names |= {call.id: call.name for call in message.tool_calls}
        messages.append(message)
    return messages


def _message(entry: Mapping[str, Any], names: Mapping[str, str]) -> ChatMessage:
    """Args: names: The functions that were called so far, by the ids of the calls."""
    role = ROLES.get(typed_field(entry, "role", str, ""))
    if role is None:
        raise InvalidRequest(f"the role of a message must be one of {', '.join(ROLES)}")
    text, images = parse_content(entry.get("content"))
    call_id = typed_field(entry, "tool_call_id", str, "")
    return ChatMessage(
        role=role,
        content=text,
        thinking=typed_field(entry, "reasoning", str, "") or typed_field(entry, "reasoning_content", str, ""),
        images=images,
        tool_calls=tuple(map(_tool_call, objects(entry, "tool_calls", at_most=MAX_CALLS))),
        tool_name=names.get(call_id, typed_field(entry, "name", str, "")) if role == "tool" else "",
        tool_call_id=call_id,
    )


def parse_content(content: object) -> tuple[str, Sequence[bytes]]:
    """Return the text and the images of a message's content, which is a string or a list of parts."""
    if content is None or isinstance(content, str):
        return content or "", ()
    if not isinstance(content, list) or len(content) > MAX_PARTS:
        raise InvalidRequest(f"the content of a message must be a string or an array of at most {MAX_PARTS} parts")
    texts: list[str] = []
    images: list[bytes] = []
    for part in content:
        if not isinstance(part, dict):
            raise InvalidRequest("each part of a message must be an object")
        match part.get("type"):
            case "text" | "input_text" | "output_text":
                texts.append(typed_field(part, "text", str, ""))
            case "refusal":
                texts.append(typed_field(part, "refusal", str, ""))
            case "image_url" | "input_image":
                images.append(_image(part.get("image_url")))
            case kind:
                raise NotSupported(f"parts of type {kind!r:.60} are not supported")
    return "\n".join(texts), tuple(images)


def _image(given: object) -> bytes:
    url = given.get("url") if isinstance(given, dict) else given
    if not isinstance(url, str):
        raise InvalidRequest("an image needs an image_url")
    return data_url(url)


def _tool_call(entry: Mapping[str, Any]) -> ToolCall:
    function = typed_field(entry, "function", dict, {})
    return ToolCall(
        name=typed_field(function, "name", str, ""),
        arguments=parse_arguments(function.get("arguments")),
        id=typed_field(entry, "id", str, ""),
    )


def parse_arguments(given: object) -> Mapping[str, Any]:
    """Return the arguments of a call, which travel as JSON in a string."""
    if not given:
        return {}
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except orjson.JSONDecodeError:
            raise InvalidRequest("the arguments of a tool call are not valid JSON") from None
    if not isinstance(given, dict):
        raise InvalidRequest("the arguments of a tool call must be a JSON object")
    return shallow("arguments", given)
