"""Whole answers, put together from their events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from inference.runner.types import TextDelta, TokenProbability
from inference.server.answers import Answered, AnswerEvent
from inference.server.several import Numbered
from inference.types import ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    content: str
    thinking: str
    tool_calls: Sequence[ToolCall]
    logprobs: Sequence[TokenProbability]
    answered: Answered

    @classmethod
    def of(cls, deltas: Sequence[TextDelta], answered: Answered) -> Gathered:
        return cls(
            content="".join(delta.content for delta in deltas),
            thinking="".join(delta.thinking for delta in deltas),
            tool_calls=[call for delta in deltas for call in delta.tool_calls],
            logprobs=[token for delta in deltas for token in delta.logprobs],
            answered=answered,
        )


async def gather(events: AsyncGenerator[AnswerEvent, None]) -> Gathered:
    """Wait for the end of an answer and return all of it."""
    deltas: list[TextDelta] = []
    async with aclosing(events):
        async for event in events:
            if isinstance(event, TextDelta):
                deltas.append(event)
            elif isinstance(event, Answered):
                return Gathered.of(deltas, event)
    raise RuntimeError("an answer ended without its last event")


async def gather_each(events: AsyncGenerator[Numbered, None]) -> list[Gathered]:
    """Wait for the end of several answers and return them in the order of their numbers."""
    deltas: dict[int, list[TextDelta]] = {}
    whole: dict[int, Gathered] = {}
    async with aclosing(events):
        async for number, event in events:
            if isinstance(event, TextDelta):
                deltas.setdefault(number, []).append(event)
            elif isinstance(event, Answered):
                whole[number] = Gathered.of(deltas.get(number, ()), event)
    return [whole[number] for number in sorted(whole)]
