"""Messages and tools as a Jinja chat template expects them: OpenAI's shapes, with what the template cannot take mended.

Source: https://huggingface.co/docs/transformers/chat_extras
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from inference.dialects.thinking import Tags, thinking_tags
from inference.dialects.tool_calls import tool_body, with_ids
from inference.types import ChatMessage, Think, Tool, ToolCall

THINKING_KEYS = ("reasoning_content", "thinking", "reasoning")

_BLOCKS = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_STRINGS = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_SWITCH = re.compile(r"(?<![\w.])(enable_thinking|thinking_budget|reasoning_effort|thinking|reasoning)(?!\w)")
_TOOL_ROLE = re.compile(r"['\"](tool|ipython|tool_response)['\"]")
_NULL_CONTENT = re.compile(r"content['\"]?\]?\s+is\s+(not\s+)?none", re.IGNORECASE)
_PARTS = re.compile(r"\bfor\s+\w+\s+in\s+\w+(\.content|\[['\"]content['\"]\])")
_TELLS_TEXT = re.compile(r"\bis\s+(not\s+)?(string|iterable|sequence|mapping)\b")
_SHORT_IDS = re.compile(r"length\s*[!=]=\s*9")


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What the text of a Jinja template tells about how it wants its messages.

    Attributes:
        tags: What the model thinks in.
        thinking_keys: Where it looks for what an answer's author thought.
        splits_content: It cuts the thinking out of the content.
        has_switch: It knows a variable that turns thinking off.
        wants_parts: It takes a content for a list of parts, and would drop a text.
        takes_null: It looks for a missing content in messages with calls.
    """

    tags: Tags | None
    thinking_keys: tuple[str, ...]
    splits_content: bool
    has_switch: bool
    shows_calls: bool
    knows_tool_role: bool
    wants_parts: bool
    takes_null: bool
    wants_short_ids: bool


def habits_of(template: str) -> Habits:
    code = " ".join(_BLOCKS.findall(template))
    names = _STRINGS.sub("", code)
    tags = thinking_tags(template)
    return Habits(
        tags=tags,
        thinking_keys=tuple(key for key in THINKING_KEYS if re.search(rf"[.'\"]{key}(?!\w)", code)),
        splits_content=tags is not None and "split" in names and tags.close in code,
        has_switch=_SWITCH.search(names) is not None,
        shows_calls="tool_calls" in code,
        # Templates that show calls and do not name the role of their results write whatever role a message has.
        knows_tool_role="tool_calls" in code or _TOOL_ROLE.search(code) is not None,
        wants_parts=_PARTS.search(code) is not None and _TELLS_TEXT.search(code) is None,
        takes_null=_NULL_CONTENT.search(code) is not None,
        wants_short_ids=_SHORT_IDS.search(code) is not None,
    )


def jinja_messages(messages: Sequence[ChatMessage], habits: Habits) -> list[dict[str, object]]:
    return [_jinja_message(message, habits) for message in with_ids(messages, short=habits.wants_short_ids)]


def jinja_tools(tools: Sequence[Tool]) -> list[dict[str, object]] | None:
    """Return the tools as Transformers hands them over, which says None where there are none."""
    return [tool_body(tool) for tool in tools] or None


def thinking_variables(think: Think | None) -> dict[str, object]:
    """Return the names under which the families' templates look for the wish to think."""
    if think is None:
        return {}
    is_on = bool(think)
    variables: dict[str, object] = {"enable_thinking": is_on, "thinking": is_on, "reasoning": is_on}
    if isinstance(think, str):
        variables["reasoning_effort"] = think
    if not is_on:
        variables["thinking_budget"] = 0
    return variables


def _jinja_message(message: ChatMessage, habits: Habits) -> dict[str, object]:
    value: dict[str, object] = {"role": message.role, "content": message.content}
    if message.thinking and habits.thinking_keys:
        value |= dict.fromkeys(habits.thinking_keys, message.thinking)
    elif message.thinking and habits.splits_content and habits.tags is not None:
        value["content"] = f"{habits.tags.open}\n{message.thinking}\n{habits.tags.close}\n\n{message.content}"
    if message.tool_calls:
        value["tool_calls"] = [jinja_call(call) for call in message.tool_calls]
        if habits.takes_null and not value["content"]:
            value["content"] = None
    if message.role == "tool":
        value |= {"name": message.tool_name, "tool_call_id": message.tool_call_id}
    if habits.wants_parts and value["content"] is not None:
        value["content"] = [{"type": "text", "text": value["content"]}]
    return value


def jinja_call(call: ToolCall) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def spelled_out(messages: Sequence[ChatMessage], *, shows_calls: bool, knows_tool_role: bool) -> list[ChatMessage]:
    """Turn calls and results into plain text where the template would drop them."""
    return [_spelled_out(message, shows_calls, knows_tool_role) for message in messages]


def _spelled_out(message: ChatMessage, shows_calls: bool, knows_tool_role: bool) -> ChatMessage:
    if message.tool_calls and not shows_calls:
        calls = [orjson.dumps({"name": call.name, "arguments": call.arguments}) for call in message.tool_calls]
        lines = filter(None, (message.content, *(call.decode() for call in calls)))
        return replace(message, content="\n".join(lines), tool_calls=())
    if message.role == "tool" and not knows_tool_role:
        name = f"{message.tool_name}: " if message.tool_name else ""
        return ChatMessage(role="user", content=f"{name}{message.content}")
    return message


def simplified(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return messages that strict templates take: no system message, and no two of one role in a row.

    Calls and results of tools stay as they are. Nothing is left of a lone system message without text.
    """
    system = "\n\n".join(message.content for message in messages if message.role == "system")
    merged: list[ChatMessage] = []
    for message in [ChatMessage(role="user", content=system)] * bool(system) + [
        message for message in messages if message.role != "system"
    ]:
        if merged and merged[-1].role == message.role != "tool":
            merged[-1] = _merged(merged[-1], message)
        else:
            merged.append(message)
    return merged


def _merged(first: ChatMessage, second: ChatMessage) -> ChatMessage:
    return replace(
        second,
        content="\n\n".join(filter(None, (first.content, second.content))),
        thinking="\n\n".join(filter(None, (first.thinking, second.thinking))),
        images=(*first.images, *second.images),
        tool_calls=(*first.tool_calls, *second.tool_calls),
    )
