"""Read the body of `/v1/responses`. Nothing is stored between requests, so what refers to the past is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.errors import InvalidRequest
from inference.server.bodies import AnswerBody, parse_model
from inference.server.errors import NotSupported
from inference.server.fields import objects, typed_field
from inference.server.messages import MAX_MESSAGES
from inference.server.openai.messages import MAX_PARTS, ROLES, parse_arguments, parse_content
from inference.server.openai.sampling import parse_effort, parse_format, parse_logprobs, parse_sampling
from inference.server.openai.tools import choose, parse_tools
from inference.types import ChatMessage, ToolCall

LOGPROBS = "message.output_text.logprobs"
REFUSED = {
    "previous_response_id": "responses are not stored; send the whole conversation as input",
    "conversation": "conversations are not stored; send the whole conversation as input",
    "background": "background responses are not supported",
    "prompt": "stored prompts are not supported",
}
ECHOED = ("instructions", "max_output_tokens", "metadata", "temperature", "top_p", "tool_choice", "tools", "user")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedResponse:
    """What is asked. `echo` holds the fields of the request that the response repeats."""

    answer: AnswerBody
    stream: bool
    echo: Mapping[str, Any]


def parse_response(body: Mapping[str, Any]) -> AskedResponse:
    for name, sentence in REFUSED.items():
        if body.get(name):
            raise NotSupported(sentence)
    tools, must_call = choose(parse_tools(body), body.get("tool_choice"))
    text = typed_field(body, "text", dict, {})
    reasoning = typed_field(body, "reasoning", dict, {})
    answer = AnswerBody(
        model=parse_model(body),
        messages=_messages(body),
        think=parse_effort(reasoning.get("effort")),
        options=parse_sampling(body, "max_output_tokens"),
        tools=tools,
        must_call_tool=must_call,
        format=parse_format(typed_field(text, "format", dict, {})),
        top_logprobs=parse_logprobs(
            LOGPROBS in typed_field(body, "include", list, []), typed_field(body, "top_logprobs", int, 0)
        ),
        truncate=_truncates(body),
    )
    echo = {
        "tool_choice": "auto",
        "tools": [],
        **{name: body[name] for name in ECHOED if body.get(name) is not None},
        "reasoning": {"effort": reasoning.get("effort"), "summary": None},
        "text": {"format": text.get("format") or {"type": "text"}},
        "truncation": "auto" if answer.truncate else "disabled",
    }
    return AskedResponse(answer=answer, stream=typed_field(body, "stream", bool, False), echo=echo)


def _truncates(body: Mapping[str, Any]) -> bool:
    match body.get("truncation"):
        case None | "disabled":
            return False
        case "auto":
            return True
    raise InvalidRequest("truncation must be auto or disabled")


def _messages(body: Mapping[str, Any]) -> list[ChatMessage]:
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) and given else given
    if not isinstance(items, list) or not items:
        raise InvalidRequest("input must be a string or an array of items, and not empty")
    conversation = _Conversation()
    if instructions := typed_field(body, "instructions", str, ""):
        conversation.add(ChatMessage(role="system", content=instructions))
    for item in objects({"input": items}, "input", at_most=MAX_MESSAGES):
        conversation.take(item)
    return conversation.messages


class _Conversation:
    """Puts items together: what a model thought, said and called in one turn is one message for it."""

    def __init__(self) -> None:
        self.messages: list[ChatMessage] = []
        self._names: dict[str, str] = {}

    def take(self, item: Mapping[str, Any]) -> None:
        match item.get("type", "message"):
            case "message":
                self._take_message(item)
            case "reasoning":
                self._extend(thinking=_reasoning(item))
            case "function_call":
                call = ToolCall(
                    name=typed_field(item, "name", str, ""),
                    arguments=parse_arguments(item.get("arguments")),
                    id=typed_field(item, "call_id", str, ""),
                )
                self._names[call.id] = call.name
                self._extend(call=call)
            case "function_call_output":
                call_id = typed_field(item, "call_id", str, "")
                text, images = parse_content(item.get("output"))
                name = self._names.get(call_id, "")
                self.add(ChatMessage(role="tool", content=text, images=images, tool_name=name, tool_call_id=call_id))
            case kind:
                raise NotSupported(f"input of type {kind!r:.60} is not supported")

    def add(self, message: ChatMessage) -> None:
        self.messages.append(message)

    def _take_message(self, item: Mapping[str, Any]) -> None:
        role = ROLES.get(typed_field(item, "role", str, ""))
        if role is None or role == "tool":
            raise InvalidRequest("the role of a message must be one of system, developer, user and assistant")
        text, images = parse_content(item.get("content"))
        if role == "assistant":
            self._extend(text=text)
        else:
            self.add(ChatMessage(role=role, content=text, images=images))

    def _extend(self, *, text: str = "", thinking: str = "", call: ToolCall | None = None) -> None:
        """Add to the assistant's turn that is being read, or begin one."""
        last = self.messages[-1] if self.messages else None
        # Thinking comes first in a turn, and text before the calls: what comes out of that order begins a new turn.
        goes_on = last is not None and last.role == "assistant" and not thinking and not (text and last.tool_calls)
        turn = self.messages.pop() if last is not None and goes_on else ChatMessage(role="assistant", content="")
        self.add(
            ChatMessage(
                role="assistant",
                content="\n".join(filter(None, (turn.content, text))),
                thinking=turn.thinking + thinking,
                tool_calls=(*turn.tool_calls, call) if call is not None else turn.tool_calls,
            )
        )


def _reasoning(item: Mapping[str, Any]) -> str:
    parts = objects(item, "content", at_most=MAX_PARTS) or objects(item, "summary", at_most=MAX_PARTS)
    return "\n".join(typed_field(part, "text", str, "") for part in parts)
