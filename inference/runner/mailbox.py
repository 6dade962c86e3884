"""What a runner process has said about one request and nobody has taken yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from inference.errors import InferenceError, InvalidRequest, QueueFull
from inference.runner.answers import joined
from inference.runner.protocol import WireError, WireEvent, token_probability
from inference.runner.types import Embedded, Queued, Ranked, RunnerEvent, RunnerFinished, TextDelta
from inference.types import ToolCall

Reported = RunnerEvent | Embedded | Ranked
"""What a process may report about one request."""

OnPause = Callable[[bool], None]

FULL_CHARACTERS = 64 * 1024
FULL_EVENTS = 1024
"""Pieces of text that were joined count one by one, because each may bring probabilities."""


class Mailbox:
    """The events of one request that nobody has taken yet.

    Attributes:
        is_paused: The process was told to write no more of this answer.
    """

    def __init__(self, on_pause: OnPause | None = None) -> None:
        self.is_paused = False
        self._on_pause = on_pause
        self._events: deque[Reported] = deque()
        self._error: InferenceError | None = None
        self._arrived = asyncio.Event()
        self._n_events = 0
        self._n_characters = 0

    @property
    def is_full(self) -> bool:
        """So much waits that whoever takes it does not keep up."""
        return self._n_characters > FULL_CHARACTERS or self._n_events > FULL_EVENTS

    def pause(self, *, is_paused: bool) -> None:
        """Remember what the process was told, and tell whoever asked."""
        self.is_paused = is_paused
        if self._on_pause is not None:
            self._on_pause(is_paused)

    def put_wire(self, event: WireEvent) -> None:
        if "error" in event:
            self.fail(_error(event["error"]))
            return
        if "position" in event:
            self.put(Queued(position=event["position"], expected_s=event.get("expected_s")))
        if "content" in event or "thinking" in event or "tool_calls" in event or "logprobs" in event:
            self.put(
                TextDelta(
                    content=event.get("content", ""),
                    thinking=event.get("thinking", ""),
                    tool_calls=[ToolCall(**call) for call in event.get("tool_calls", ())],
                    logprobs=[token_probability(wire) for wire in event.get("logprobs", ())],
                )
            )
        if "finish" in event:
            self.put(RunnerFinished(**event["finish"]))

    def put(self, event: Reported) -> None:
        self._n_events += 1
        if isinstance(event, TextDelta):
            self._n_characters += len(event.content) + len(event.thinking)
        self._events.append(event)
        self._arrived.set()

    def fail(self, error: InferenceError) -> None:
        self._error = error
        self._arrived.set()

    async def take(self) -> Reported:
        """Return the oldest event; pieces of text that came one after the other are one.

        Raises:
            InferenceError: What `fail` was given, once everything before it is taken.
        """
        await self._arrived.wait()
        if not self._events:
            if self._error is None:
                raise RuntimeError("a mailbox rang without anything in it")
            raise self._error
        event = self._oldest()
        self._n_events = len(self._events)
        if isinstance(event, TextDelta):
            self._n_characters -= len(event.content) + len(event.thinking)
        if not self._events and self._error is None:
            self._arrived.clear()
        return event

    def _oldest(self) -> Reported:
        event = self._events.popleft()
        if not isinstance(event, TextDelta):
            return event
        deltas = [event]
        while self._events and isinstance(following := self._events[0], TextDelta):
            deltas.append(following)
            self._events.popleft()
        return joined(deltas) if len(deltas) > 1 else event


def _error(error: WireError) -> InferenceError:
    if error["kind"] == "queue_full":
        return QueueFull(error["detail"])
    return InvalidRequest(error["detail"])
