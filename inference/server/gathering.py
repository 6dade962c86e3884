"""A whole answer, put together from its events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from inference.runner.types import TextDelta, TokenProbability
from inference.server.answers import Answered, AnswerEvent
from inference.types import ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    content: str
    thinking: str
    tool_calls: Sequence[ToolCall]
    logprobs: Sequence[TokenProbability]
    answered: Answered


async def gather(events: AsyncGenerator[AnswerEvent, None]) -> Gathered:
    """Wait for the end of an answer and return all of it."""
    deltas: list[TextDelta] = []
    async with aclosing(events):
        async for event in events:
            if isinstance(event, TextDelta):
                deltas.append(event)
            elif isinstance(event, Answered):
                return Gathered(
                    content="".join(delta.content for delta in deltas),
                    thinking="".join(delta.thinking for delta in deltas),
                    tool_calls=[call for delta in deltas for call in delta.tool_calls],
                    logprobs=[token for delta in deltas for token in delta.logprobs],
                    answered=event,
                )
    raise RuntimeError("an answer ended without its last event")
