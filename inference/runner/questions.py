"""What a generate command asks, as our types again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from inference.errors import InvalidRequest
from inference.runner.protocol import GenerateCommand, WireMessage
from inference.types import ChatMessage, Tool, ToolCall

ROLES = ("system", "user", "assistant", "tool")


def messages_of(command: GenerateCommand, images: bytes) -> list[ChatMessage]:
    """Return the messages, or the prompt as the only one. Raises InvalidRequest.

    Args:
        images: Those of all messages, one after the other.
    """
    if command["messages"] is None:
        return [ChatMessage(role="user", content=command["prompt"] or "")]
    if not command["messages"]:
        raise InvalidRequest("there are no messages")
    if any(message["role"] not in ROLES for message in command["messages"]):
        raise InvalidRequest(f"the role of a message is one of {', '.join(ROLES)}")
    messages, start = [], 0
    for message in command["messages"]:
        ends = list(accumulate(message["image_bytes"], initial=start))
        messages.append(_message(message, [images[here:there] for here, there in pairwise(ends)]))
        start = ends[-1]
    return messages


def tools_of(command: GenerateCommand) -> list[Tool]:
    return [Tool(**tool) for tool in command["tools"]]


def _message(message: WireMessage, images: Sequence[bytes]) -> ChatMessage:
    return ChatMessage(
        role=message["role"],
        content=message["content"],
        thinking=message["thinking"],
        images=images,
        tool_calls=[ToolCall(**call) for call in message["tool_calls"]],
        tool_name=message["tool_name"],
        tool_call_id=message["tool_call_id"],
    )
