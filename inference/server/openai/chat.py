"""The answers of `/v1/chat/completions`.

Source: https://platform.openai.com/docs/api-reference/chat; `reasoning` is what Ollama and vLLM call a model's
thinking, `reasoning_content` what DeepSeek and llama.cpp do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from inference.runner.types import TextDelta, TokenProbability
from inference.server.answers import Answered
from inference.server.gathering import Gathered
from inference.server.openai.bodies import Asked
from inference.server.openai.choices import ChoiceBody, ChoicesStream, frame
from inference.server.openai.shapes import finish_reason, tool_call, usage
from inference.server.probabilities import logprobs

PREFIX = "chatcmpl-"


def whole_chat(asked: Asked, answers: Sequence[Gathered]) -> dict[str, Any]:
    return frame(asked, "chat.completion", PREFIX) | {
        "choices": [_whole_choice(asked, index, answer) for index, answer in enumerate(answers)],
        "usage": usage([answer.answered for answer in answers]),
    }


def _whole_choice(asked: Asked, index: int, answer: Gathered) -> ChoiceBody:
    message: dict[str, Any] = {"role": "assistant", "content": answer.content or None, "refusal": None}
    message |= _thinking(answer.thinking)
    if answer.tool_calls:
        message["tool_calls"] = [tool_call(call) for call in answer.tool_calls]
    else:
        message["content"] = answer.content
    return {
        "index": index,
        "message": message,
        "logprobs": _logprobs(asked, answer.logprobs),
        "finish_reason": finish_reason(answer.answered, has_calls=bool(answer.tool_calls)),
    }


class ChatStream(ChoicesStream):
    def __init__(self, asked: Asked) -> None:
        super().__init__(asked, frame(asked, "chat.completion.chunk", PREFIX), _ChatChoice)


class _ChatChoice:
    """Writes one answer: the role, the pieces, and why it ended."""

    def __init__(self, asked: Asked, index: int) -> None:
        self._asked = asked
        self._index = index
        self._has_begun = False
        self._n_calls = 0

    def feed(self, event: TextDelta | Answered) -> Iterator[ChoiceBody]:
        if not self._has_begun:
            self._has_begun = True
            yield self._choice({"role": "assistant", "content": ""})
        if isinstance(event, Answered):
            yield self._choice({}, reason=finish_reason(event, has_calls=self._n_calls > 0))
        elif (told := self._told(event)) or event.logprobs:
            yield self._choice(told, probabilities=_logprobs(self._asked, event.logprobs))

    def _told(self, delta: TextDelta) -> dict[str, Any]:
        told: dict[str, Any] = _thinking(delta.thinking)
        if delta.content:
            told["content"] = delta.content
        calls = [tool_call(call) for call in delta.tool_calls]
        for call in calls:
            call["index"], self._n_calls = self._n_calls, self._n_calls + 1
        return told | ({"tool_calls": calls} if calls else {})

    def _choice(self, delta: dict[str, Any], *, probabilities: object = None, reason: str | None = None) -> ChoiceBody:
        return {"index": self._index, "delta": delta, "logprobs": probabilities, "finish_reason": reason}


def _thinking(text: str) -> dict[str, Any]:
    return {"reasoning": text, "reasoning_content": text} if text else {}


def _logprobs(asked: Asked, tokens: Sequence[TokenProbability]) -> dict[str, Any] | None:
    if asked.answer.top_logprobs is None:
        return None
    return {"content": logprobs(tokens), "refusal": None}
