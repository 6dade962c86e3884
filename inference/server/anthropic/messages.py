"""The answers of `/v1/messages`.

Source: https://docs.anthropic.com/en/api/messages and its page on streaming.
"""

from __future__ import annotations

from typing import Any, Literal

import orjson

from inference.errors import InferenceError
from inference.runner.types import TextDelta
from inference.server.answers import Answered, AnswerEvent
from inference.server.anthropic.bodies import AskedMessage
from inference.server.anthropic.errors import anthropic_error
from inference.server.errors import answer_for
from inference.server.gathering import Gathered
from inference.server.openai.shapes import new_id
from inference.server.sse import sse
from inference.types import ToolCall

BlockKind = Literal["text", "thinking"]


def whole_message(asked: AskedMessage, answer: Gathered) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if answer.thinking:
        content.append({"type": "thinking", "thinking": answer.thinking, "signature": ""})
    if answer.content:
        content.append({"type": "text", "text": answer.content})
    content += [_tool_use(call) for call in answer.tool_calls]
    reason = _stop_reason(answer.answered, has_calls=bool(answer.tool_calls))
    return _message(asked) | {"content": content, "stop_reason": reason, "usage": _usage(answer.answered)}


class MessageStream:
    """Writes one answer as events: one block after the other is started, filled and stopped."""

    def __init__(self, asked: AskedMessage) -> None:
        self._asked = asked
        self._has_begun = False
        self._open: BlockKind | None = None
        self._n_blocks = 0
        self._has_calls = False

    def feed(self, event: AnswerEvent) -> bytes:
        written = b"" if self._has_begun else self._begin()
        if isinstance(event, TextDelta):
            return written + self._take(event)
        return written + self._end(event) if isinstance(event, Answered) else written

    def fail(self, error: InferenceError) -> bytes:
        answer = answer_for(error)
        return sse(anthropic_error(answer.status, answer.text), "error")

    def _begin(self) -> bytes:
        self._has_begun = True
        # How many tokens the prompt has is told at the end, when it is known.
        return _event("message_start", message=_message(self._asked))

    def _take(self, delta: TextDelta) -> bytes:
        written = b""
        if delta.thinking:
            written += self._switch_to("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            written += self._delta(type="thinking_delta", thinking=delta.thinking)
        if delta.content:
            written += self._switch_to("text", {"type": "text", "text": ""})
            written += self._delta(type="text_delta", text=delta.content)
        for call in delta.tool_calls:
            written += self._close() + self._call(call)
        return written

    def _end(self, answered: Answered) -> bytes:
        reason = _stop_reason(answered, has_calls=self._has_calls)
        return (
            self._close()
            + _event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=_usage(answered))
            + _event("message_stop")
        )

    def _switch_to(self, kind: BlockKind, block: dict[str, Any]) -> bytes:
        if self._open == kind:
            return b""
        written = self._close()
        self._open = kind
        return written + self._start(block)

    def _call(self, call: ToolCall) -> bytes:
        self._has_calls = True
        used = _tool_use(call)
        written = self._start(used | {"input": {}})
        written += self._delta(type="input_json_delta", partial_json=orjson.dumps(used["input"]).decode())
        return written + self._stop()

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        return self._stop()

    def _start(self, block: dict[str, Any]) -> bytes:
        return _event("content_block_start", index=self._n_blocks, content_block=block)

    def _delta(self, **delta: Any) -> bytes:
        return _event("content_block_delta", index=self._n_blocks, delta=delta)

    def _stop(self) -> bytes:
        written = _event("content_block_stop", index=self._n_blocks)
        self._n_blocks += 1
        return written


def _event(kind: str, **values: Any) -> bytes:
    return sse({"type": kind, **values}, kind)


def _message(asked: AskedMessage) -> dict[str, Any]:
    return {
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": asked.answer.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }


def _tool_use(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id or new_id("toolu_"), "name": call.name, "input": dict(call.arguments)}


def _stop_reason(answered: Answered, *, has_calls: bool) -> str:
    if answered.reason == "length":
        return "max_tokens"
    return "tool_use" if has_calls or answered.reason == "tool_calls" else "end_turn"


def _usage(answered: Answered) -> dict[str, int]:
    """Return the counts; tokens that were still in the cache are counted apart from the others."""
    counts = answered.counts
    if counts is None:
        return {"input_tokens": 0, "output_tokens": 0}
    return {
        "input_tokens": counts.prompt_tokens - counts.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": counts.cached_tokens,
        "output_tokens": counts.answer_tokens,
    }
