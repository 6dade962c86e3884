"""What the loop of a runner process drives: a chat model or an embedding model, behind one shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from inference.errors import InvalidRequest
from inference.runner.protocol import Command, StepReply, WireEvent, WireFacts, encode_frame


@dataclass(slots=True, eq=False)
class Ticket:
    """One request from its arrival in the process to its end.

    Attributes:
        is_cancelled: Set by the reader's thread; whoever works on the request looks at it before each step.
        is_paused: Set by the reader's thread: nobody takes more of the answer for now.
        on_cancel: What else to do at that moment.
        raw: The bytes that came with the command; emptied once it is prepared.
    """

    id: int
    is_cancelled: bool = False
    is_paused: bool = False
    on_cancel: Callable[[], None] | None = field(default=None, repr=False)
    raw: bytes = field(default=b"", repr=False)

    def cancel(self) -> None:
        self.is_cancelled = True
        if self.on_cancel is not None:
            self.on_cancel()


Start = Callable[[], Sequence[bytes]]
"""Hands a prepared request to the model; returns frames to send."""


class Worker(Protocol):
    """A loaded model at work.

    `prepare` runs on a thread of its own, so that a slow template or a long text holds up nobody's answer. What it
    returns, and `step`, run on the thread that decodes.
    """

    @property
    def facts(self) -> WireFacts: ...

    @property
    def has_work(self) -> bool:
        """Whether a step would do something. What is paused is no work; its end is, and a step follows it."""
        ...

    def prepare(self, command: Command, ticket: Ticket) -> Start:
        """Check and tokenize a request. Raises InvalidRequest."""
        ...

    def step(self) -> Sequence[bytes]:
        """Work a little; return frames to send."""
        ...

    def park(self) -> None:
        """Keep on disk what a next process can use: this one is about to end."""
        ...


def step_frames(events: Sequence[WireEvent]) -> list[bytes]:
    return [encode_frame(StepReply(type="step", events=list(events)))] if events else []


def unsupported(command: Command) -> InvalidRequest:
    what = {"generate": "write text", "embed": "embed texts", "rank": "rank documents"}.get(
        command["op"], command["op"]
    )
    return InvalidRequest(f"this model is not loaded to {what}")
