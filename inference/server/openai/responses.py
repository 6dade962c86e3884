"""The answers of `/v1/responses`.

Source: https://platform.openai.com/docs/api-reference/responses and its page on streaming.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Literal

import orjson

from inference.errors import InferenceError
from inference.runner.types import TextDelta, TokenProbability
from inference.server.answers import Answered, AnswerEvent
from inference.server.errors import answer_for
from inference.server.gathering import Gathered
from inference.server.openai.response_bodies import AskedResponse
from inference.server.openai.shapes import new_id
from inference.server.probabilities import logprobs
from inference.server.sse import sse
from inference.types import ToolCall

Item = dict[str, Any]
TextKind = Literal["reasoning", "message"]


def whole_response(asked: AskedResponse, answer: Gathered) -> dict[str, Any]:
    output: list[Item] = []
    if answer.thinking:
        output.append(_reasoning_item(new_id("rs_"), answer.thinking))
    if answer.content or not answer.tool_calls:
        output.append(_message_item(new_id("msg_"), answer.content, answer.logprobs))
    output += [_call_item(new_id("fc_"), call) for call in answer.tool_calls]
    return _ended(_response(asked, new_id("resp_"), time.time()), output, answer.answered)


class ResponseStream:
    """Writes one answer as events: one item after the other is opened, filled and closed."""

    def __init__(self, asked: AskedResponse) -> None:
        self._response = _response(asked, new_id("resp_"), time.time())
        self._n_events = 0
        self._output: list[Item] = []
        self._open: _Open | None = None

    def feed(self, event: AnswerEvent) -> bytes:
        begin = self._begin() if self._n_events == 0 else b""
        if isinstance(event, TextDelta):
            return begin + self._take(event)
        return begin + self._end(event) if isinstance(event, Answered) else begin

    def fail(self, error: InferenceError) -> bytes:
        told = {"code": "server_error", "message": answer_for(error).text}
        failed = self._response | {"status": "failed", "error": told, "output": self._output}
        return self._event("response.failed", response=failed)

    def _begin(self) -> bytes:
        return self._event("response.created", response=self._response) + self._event(
            "response.in_progress", response=self._response
        )

    def _take(self, delta: TextDelta) -> bytes:
        written = b""
        if delta.thinking:
            written += self._switch_to("reasoning") + self._add(delta.thinking, ())
        if delta.content:
            written += self._switch_to("message") + self._add(delta.content, delta.logprobs)
        for call in delta.tool_calls:
            written += self._close() + self._call(call)
        return written

    def _end(self, answered: Answered) -> bytes:
        written = b"" if self._open or self._output else self._switch_to("message")
        written += self._close()
        ended = _ended(self._response, self._output, answered)
        return written + self._event(f"response.{ended['status']}", response=ended)

    def _switch_to(self, kind: TextKind) -> bytes:
        if self._open is not None and self._open.kind == kind:
            return b""
        written = self._close()
        self._open = _Open(kind)
        written += self._event("response.output_item.added", output_index=self._index, item=self._open.begun())
        return written + self._event(
            "response.content_part.added", **self._place(), part=self._open.item()["content"][0]
        )

    def _add(self, text: str, tokens: Sequence[TokenProbability]) -> bytes:
        if self._open is None:
            raise RuntimeError("there is no item to add to")
        self._open.text += text
        self._open.tokens += tokens
        told = self._open.probabilities(tokens)
        return self._event(f"{self._open.name}.delta", **self._place(), delta=text, **told)

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        item = self._open.item()
        told = self._open.probabilities(self._open.tokens)
        written = self._event(f"{self._open.name}.done", **self._place(), text=self._open.text, **told)
        written += self._event("response.content_part.done", **self._place(), part=item["content"][0])
        written += self._event("response.output_item.done", output_index=self._index, item=item)
        self._output.append(item)
        self._open = None
        return written

    def _call(self, call: ToolCall) -> bytes:
        item = _call_item(new_id("fc_"), call)
        begun = item | {"arguments": "", "status": "in_progress"}
        place = {"item_id": item["id"], "output_index": self._index}
        name = "response.function_call_arguments"
        written = self._event("response.output_item.added", output_index=self._index, item=begun)
        written += self._event(f"{name}.delta", **place, delta=item["arguments"])
        written += self._event(f"{name}.done", **place, name=item["name"], arguments=item["arguments"])
        written += self._event("response.output_item.done", output_index=self._index, item=item)
        self._output.append(item)
        return written

    @property
    def _index(self) -> int:
        return len(self._output)

    def _place(self) -> dict[str, Any]:
        return {"item_id": self._open.id if self._open else "", "output_index": self._index, "content_index": 0}

    def _event(self, kind: str, **values: Any) -> bytes:
        event = {"type": kind, "sequence_number": self._n_events, **values}
        self._n_events += 1
        return sse(event, kind)


class _Open:
    """An item of text that still grows."""

    def __init__(self, kind: TextKind) -> None:
        self.kind = kind
        self.id = new_id("rs_" if kind == "reasoning" else "msg_")
        self.text = ""
        self.tokens: list[TokenProbability] = []

    @property
    def name(self) -> str:
        return "response.reasoning_text" if self.kind == "reasoning" else "response.output_text"

    def item(self) -> Item:
        if self.kind == "reasoning":
            return _reasoning_item(self.id, self.text)
        return _message_item(self.id, self.text, self.tokens)

    def begun(self) -> Item:
        return self.item() | {"content": [], "status": "in_progress"}

    def probabilities(self, tokens: Sequence[TokenProbability]) -> dict[str, Any]:
        return {} if self.kind == "reasoning" else {"logprobs": logprobs(tokens)}


def _response(asked: AskedResponse, response_id: str, created: float) -> dict[str, Any]:
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(created),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": asked.answer.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "temperature": None,
        "top_p": None,
        "usage": None,
        "user": None,
        **asked.echo,
    }


def _ended(response: dict[str, Any], output: Sequence[Item], answered: Answered) -> dict[str, Any]:
    is_cut = answered.reason == "length"
    counts = answered.counts
    prompt, answer, cached = (counts.prompt_tokens, counts.answer_tokens, counts.cached_tokens) if counts else (0, 0, 0)
    return response | {
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "output": list(output),
        "usage": {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
            "output_tokens": answer,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + answer,
        },
    }


def _reasoning_item(item_id: str, text: str) -> Item:
    content = [{"type": "reasoning_text", "text": text}]
    return {"id": item_id, "type": "reasoning", "summary": [], "content": content, "status": "completed"}


def _message_item(item_id: str, text: str, tokens: Sequence[TokenProbability]) -> Item:
    content = [_text_part(text, tokens)]
    return {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": content}


def _text_part(text: str, tokens: Sequence[TokenProbability]) -> Item:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs(tokens)}


def _call_item(item_id: str, call: ToolCall) -> Item:
    return {
        "id": item_id,
        "type": "function_call",
        "call_id": call.id or new_id("call_"),
        "name": call.name,
        "arguments": orjson.dumps(dict(call.arguments)).decode(),
        "status": "completed",
    }
