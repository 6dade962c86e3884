"""What a generate command asks, as our types again."""

from __future__ import annotations

from inference.errors import InvalidRequest
from inference.runner.protocol import GenerateCommand, WireMessage
from inference.types import ChatMessage, Tool, ToolCall

ROLES = ("system", "user", "assistant", "tool")


def messages_of(command: GenerateCommand) -> list[ChatMessage]:
    """Return the messages, or the prompt as the only one. Raises InvalidRequest."""
    if command["messages"] is None:
        return [ChatMessage(role="user", content=command["prompt"] or "")]
    if not command["messages"]:
        raise InvalidRequest("there are no messages")
    if any(message["role"] not in ROLES for message in command["messages"]):
        raise InvalidRequest(f"the role of a message is one of {', '.join(ROLES)}")
    return [_message(message) for message in command["messages"]]


def tools_of(command: GenerateCommand) -> list[Tool]:
    return [Tool(**tool) for tool in command["tools"]]


def _message(message: WireMessage) -> ChatMessage:
    return ChatMessage(
        role=message["role"],
        content=message["content"],
        thinking=message["thinking"],
        tool_calls=[ToolCall(**call) for call in message["tool_calls"]],
        tool_name=message["tool_name"],
        tool_call_id=message["tool_call_id"],
    )
