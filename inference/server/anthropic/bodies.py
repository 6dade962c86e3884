"""Read the body of Anthropic's `/v1/messages` into what our own routes understand.

Source: https://docs.anthropic.com/en/api/messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference.errors import InvalidRequest
from inference.server.bodies import AnswerBody, parse_model
from inference.server.errors import NotSupported
from inference.server.fields import objects, typed_field
from inference.server.images import base64_bytes
from inference.server.messages import MAX_MESSAGES, MAX_TOOLS, shallow
from inference.server.openai.messages import MAX_PARTS
from inference.server.openai.sampling import parse_format
from inference.server.openai.tools import choose
from inference.types import ChatMessage, Think, Tool, ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedMessage:
    answer: AnswerBody
    stream: bool


def parse_message(body: Mapping[str, Any]) -> AskedMessage:
    limit = typed_field(body, "max_tokens", int, 0)
    if limit < 1:
        raise InvalidRequest("max_tokens is required and must be at least 1")
    options = {name: body[name] for name in ("temperature", "top_p", "top_k") if body.get(name) is not None}
    if stops := typed_field(body, "stop_sequences", list, []):
        options["stop"] = stops
    tools, must_call = choose(_tools(body), _choice(typed_field(body, "tool_choice", dict, {})))
    answer = AnswerBody(
        model=parse_model(body),
        messages=[*_system(body), *_messages(body)],
        think=_thinking(typed_field(body, "thinking", dict, {})),
        options=options | {"num_predict": limit},
        tools=tools,
        must_call_tool=must_call,
        format=parse_format(_format(body)),
    )
    return AskedMessage(answer=answer, stream=typed_field(body, "stream", bool, False))


def _system(body: Mapping[str, Any]) -> list[ChatMessage]:
    given = body.get("system")
    if not given:
        return []
    text = given if isinstance(given, str) else _text_of(objects(body, "system", at_most=MAX_PARTS))
    return [ChatMessage(role="system", content=text)]


def _text_of(blocks: Sequence[Mapping[str, Any]]) -> str:
    for block in blocks:
        if block.get("type") != "text":
            raise NotSupported(f"blocks of type {block.get('type')!r:.60} are not supported here, only text is")
    return "\n".join(typed_field(block, "text", str, "") for block in blocks)


def _messages(body: Mapping[str, Any]) -> list[ChatMessage]:
    given = objects(body, "messages", at_most=MAX_MESSAGES)
    if not given:
        raise InvalidRequest("messages must hold at least one message")
    names: dict[str, str] = {}
    return [message for entry in given for message in _message(entry, names)]


def _message(entry: Mapping[str, Any], names: dict[str, str]) -> list[ChatMessage]:
    """Return one message, or several when results of tools are among its blocks.

    Args:
        names: The functions that were called so far, by the ids of the calls; grows.
    """
    content = entry.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    blocks = objects({"content": blocks}, "content", at_most=MAX_PARTS)
    match entry.get("role"):
        case "user":
            return _user(blocks, names)
        case "assistant":
            return [_assistant(blocks, names)]
        case "system":
            return [ChatMessage(role="system", content=_text_of(blocks))]
    raise InvalidRequest("the role of a message must be user, assistant or system")


def _user(blocks: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[ChatMessage]:
    results: list[ChatMessage] = []
    texts: list[str] = []
    images: list[bytes] = []
    for block in blocks:
        match block.get("type"):
            case "text":
                texts.append(typed_field(block, "text", str, ""))
            case "image":
                images.append(_image(block))
            case "tool_result":
                results.append(_result(block, names))
            case kind:
                raise NotSupported(f"blocks of type {kind!r:.60} are not supported")
    if results and not texts and not images:
        return results
    return [*results, ChatMessage(role="user", content="\n".join(texts), images=tuple(images))]


def _assistant(blocks: Sequence[Mapping[str, Any]], names: dict[str, str]) -> ChatMessage:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    for block in blocks:
        match block.get("type"):
            case "text":
                texts.append(typed_field(block, "text", str, ""))
            case "thinking":
                thoughts.append(typed_field(block, "thinking", str, ""))
            case "redacted_thinking":  # Nobody but its author can read it.
                continue
            case "tool_use":
                call = ToolCall(
                    name=typed_field(block, "name", str, ""),
                    arguments=shallow("input", typed_field(block, "input", dict, {})),
                    id=typed_field(block, "id", str, ""),
                )
                names[call.id] = call.name
                calls.append(call)
            case kind:
                raise NotSupported(f"blocks of type {kind!r:.60} are not supported")
    return ChatMessage(
        role="assistant", content="\n".join(texts), thinking="\n".join(thoughts), tool_calls=tuple(calls)
    )


def _result(block: Mapping[str, Any], names: Mapping[str, str]) -> ChatMessage:
    content = block.get("content")
    images: list[bytes] = []
    if content is None or isinstance(content, str):
        text = content or ""
    else:
        parts = objects(block, "content", at_most=MAX_PARTS)
        images = [_image(part) for part in parts if part.get("type") == "image"]
        text = _text_of([part for part in parts if part.get("type") != "image"])
    call_id = typed_field(block, "tool_use_id", str, "")
    return ChatMessage(
        role="tool", content=text, images=tuple(images), tool_name=names.get(call_id, ""), tool_call_id=call_id
    )


def _image(block: Mapping[str, Any]) -> bytes:
    source = typed_field(block, "source", dict, {})
    if source.get("type") != "base64":
        raise NotSupported("an image must come as base64; this server does not fetch addresses")
    return base64_bytes(typed_field(source, "data", str, ""))


def _tools(body: Mapping[str, Any]) -> list[Tool]:
    tools = []
    for entry in objects(body, "tools", at_most=MAX_TOOLS):
        if entry.get("type", "custom") not in ("custom", "function"):
            raise NotSupported(f"tools of type {entry['type']!r:.60} are not supported, only your own are")
        name = typed_field(entry, "name", str, "")
        if not name:
            raise InvalidRequest("each of tools needs a name")
        tools.append(
            Tool(
                name=name,
                description=typed_field(entry, "description", str, ""),
                parameters=shallow("input_schema", typed_field(entry, "input_schema", dict, {})),
            )
        )
    return tools


def _choice(given: Mapping[str, Any]) -> object:
    """Return a choice as OpenAI writes it."""
    match given.get("type"):
        case None | "auto":
            return "auto"
        case "any":
            return "required"
        case "none":
            return "none"
        case "tool":
            return {"type": "function", "name": given.get("name")}
    raise InvalidRequest("the type of tool_choice must be auto, any, tool or none")


def _thinking(given: Mapping[str, Any]) -> Think | None:
    match given.get("type"):
        case None | "adaptive":
            return None
        case "enabled":
            return True
        case "disabled":
            return False
    raise InvalidRequest("the type of thinking must be enabled, adaptive or disabled")


def _format(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the format of the answer, which has an older and a newer place."""
    config = typed_field(body, "output_config", dict, {})
    return typed_field(config, "format", dict, {}) or typed_field(body, "output_format", dict, {})
