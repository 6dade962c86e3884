"""Pieces that several of OpenAI's answers have in common."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

import orjson

from inference.server.answers import Answered
from inference.types import ToolCall

FinishReason = Literal["stop", "length", "tool_calls"]


class PromptTokens(TypedDict):
    cached_tokens: int


class Usage(TypedDict):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokens


class FunctionBody(TypedDict):
    name: str
    arguments: str


class ToolCallBody(TypedDict):
    """`index` is there in streams only."""

    index: NotRequired[int]
    id: str
    type: Literal["function"]
    function: FunctionBody


def new_id(prefix: str) -> str:
    return f"{prefix}{uuid.uuid4().hex}"


def usage(answers: Sequence[Answered]) -> Usage:
    """Return the counts of all answers to one prompt, which is counted once, as OpenAI does."""
    counts = answers[0].counts
    prompt = counts.prompt_tokens if counts else 0
    answer = sum(answered.counts.answer_tokens for answered in answers if answered.counts)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": counts.cached_tokens if counts else 0},
    }


def finish_reason(answered: Answered, *, has_calls: bool) -> FinishReason:
    """Return why an answer ended. One that was cut off is told as such, even when it had called a tool before."""
    if answered.reason == "length":
        return "length"
    return "tool_calls" if has_calls or answered.reason == "tool_calls" else "stop"


def tool_call(call: ToolCall) -> ToolCallBody:
    arguments = orjson.dumps(dict(call.arguments)).decode()
    return {
        "id": call.id or new_id("call_"),
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }
