"""The answers of `/v1/chat/completions`.

Source: https://platform.openai.com/docs/api-reference/chat; `reasoning` is what Ollama and vLLM call a model's
thinking, `reasoning_content` what DeepSeek and llama.cpp do.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from inference.errors import InferenceError
from inference.runner.types import TextDelta, TokenProbability
from inference.server.answers import Answered, AnswerEvent
from inference.server.gathering import Gathered
from inference.server.openai.bodies import Asked
from inference.server.openai.errors import openai_body
from inference.server.openai.shapes import finish_reason, new_id, tool_call, usage
from inference.server.probabilities import logprobs
from inference.server.sse import sse

DONE = b"data: [DONE]\n\n"
FINGERPRINT = "fp_hearth"


def whole_chat(asked: Asked, answer: Gathered) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.content or None, "refusal": None}
    message |= _thinking(answer.thinking)
    if answer.tool_calls:
        message["tool_calls"] = [tool_call(call) for call in answer.tool_calls]
    else:
        message["content"] = answer.content
    choice = {
        "index": 0,
        "message": message,
        "logprobs": _logprobs(asked, answer.logprobs),
        "finish_reason": finish_reason(answer.answered, has_calls=bool(answer.tool_calls)),
    }
    return {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.answer.model,
        "system_fingerprint": FINGERPRINT,
        "choices": [choice],
        "usage": usage(answer.answered),
    }


class ChatStream:
    """Writes one answer as chunks: the role, the pieces, why it ended, the counts if asked for, and `[DONE]`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._id = new_id("chatcmpl-")
        self._created = int(time.time())
        self._has_begun = False
        self._n_calls = 0

    def feed(self, event: AnswerEvent) -> bytes:
        if isinstance(event, TextDelta):
            return self._begin() + self._piece(event)
        if isinstance(event, Answered):
            return self._begin() + self._end(event)
        return b""

    def fail(self, error: InferenceError) -> bytes:
        return sse(openai_body(error)) + DONE

    def _begin(self) -> bytes:
        if self._has_begun:
            return b""
        self._has_begun = True
        return self._chunk({"role": "assistant", "content": ""})

    def _piece(self, delta: TextDelta) -> bytes:
        told: dict[str, Any] = _thinking(delta.thinking)
        if delta.content:
            told["content"] = delta.content
        calls = [tool_call(call) for call in delta.tool_calls]
        for call in calls:
            call["index"], self._n_calls = self._n_calls, self._n_calls + 1
        if calls:
            told["tool_calls"] = calls
        return (
            self._chunk(told, probabilities=_logprobs(self._asked, delta.logprobs)) if told or delta.logprobs else b""
        )

    def _end(self, answered: Answered) -> bytes:
        last = self._chunk({}, reason=finish_reason(answered, has_calls=self._n_calls > 0))
        if self._asked.tells_usage:
            last += sse(self._frame() | {"choices": [], "usage": usage(answered)})
        return last + DONE

    def _chunk(self, delta: dict[str, Any], *, probabilities: object = None, reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": probabilities, "finish_reason": reason}
        chunk = self._frame() | {"choices": [choice]}
        return sse(chunk | {"usage": None} if self._asked.tells_usage else chunk)

    def _frame(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._asked.answer.model,
            "system_fingerprint": FINGERPRINT,
        }


def _thinking(text: str) -> dict[str, Any]:
    return {"reasoning": text, "reasoning_content": text} if text else {}


def _logprobs(asked: Asked, tokens: Sequence[TokenProbability]) -> dict[str, Any] | None:
    if asked.answer.top_logprobs is None:
        return None
    return {"content": logprobs(tokens), "refusal": None}
