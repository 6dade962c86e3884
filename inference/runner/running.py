"""One request in its runner: what was asked, and how far its answer is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from inference.runner.answers import AnswerShape, joined
from inference.runner.constraint import Constraint
from inference.runner.options import GenerationOptions
from inference.runner.probabilities import HeldProbabilities
from inference.runner.protocol import WireEvent, WireFinish, WireToolCall, wire_probability
from inference.runner.sampling import Sampler
from inference.runner.slots import Slot, Slots, Tokens
from inference.runner.text import TextAssembler
from inference.runner.timing import AnswerTiming
from inference.runner.types import TokenProbability
from inference.runner.worker import Ticket

if TYPE_CHECKING:  # A model without eyes needs no library for them.
    from inference.runner.images import PlacedImage

ENDLESS_WINDOWS = 10
"""An answer that may forget and has no limit ends after so many context windows. Source: Ollama does the same."""


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """One request that fits the context window.

    Attributes:
        images: In the order of the prompt, whose last row is none.
        stop: Stop strings beside those of the options.
        constraint: What the answer is held to.
        top_logprobs, shift, wants_context: As in `GenerateRequest`.
        dropped_messages: How many messages the prompt leaves out.
        counts_as_person_at: Idle work that came before this waits no longer than others; None for a person's request.
        arrived_at: By the engine's clock.
        told_position: The last place in the queue that was told.
    """

    ticket: Ticket
    prompt: Tokens
    options: GenerationOptions
    answer: AnswerShape
    stop: tuple[str, ...] = ()
    images: Sequence[PlacedImage] = ()
    constraint: Constraint | None = None
    top_logprobs: int | None = None
    shift: bool = False
    wants_context: bool = False
    dropped_messages: int = 0
    counts_as_person_at: float | None = None
    arrived_at: float = field(default_factory=time.perf_counter)
    told_position: int | None = None

    @property
    def id(self) -> int:
        return self.ticket.id

    @property
    def is_cancelled(self) -> bool:
        return self.ticket.is_cancelled

    @property
    def is_paused(self) -> bool:
        return self.ticket.is_paused

    def gives_way(self, now: float) -> bool:
        return self.counts_as_person_at is not None and now < self.counts_as_person_at


class Running:
    """A request that has a slot, or had one and is suspended."""

    def __init__(self, request: Request, slot: Slot, sampler: Sampler, n_ctx: int, now: float) -> None:
        self.request = request
        self.slot = slot
        self.sampler = sampler
        self.n_answer = 0
        self.n_shifted = 0
        self.n_reused = slot.n_cached
        self._n_ctx = n_ctx
        self._assembler = TextAssembler((*request.options.stop, *request.stop))
        self._probabilities = HeldProbabilities(self._assembler)
        self._reader = request.answer.reader()
        self._timing = AnswerTiming(arrived_at=request.arrived_at, admitted_at=now)

    @property
    def is_full(self) -> bool:
        return self.slot.n_tokens >= self._n_ctx

    def shift(self, slots: Slots) -> None:
        """Forget the older half of what the context window holds, but for the tokens to be kept."""
        n_keep = self.request.options.num_keep
        n_keep = min(len(self.request.prompt) if n_keep < 0 else n_keep, self._n_ctx - 2)
        n_drop = (self.slot.n_tokens - n_keep) // 2
        slots.shift(self.slot, n_keep, n_drop)
        self.n_shifted += n_drop

    def suspend(self) -> None:
        """Keep what is needed to go on in another slot."""
        self._suspended = self.slot.tokens[: self.slot.n_tokens].copy()

    def resume(self, slots: Slots) -> None:
        self.slot = slots.take(self._suspended, self.request.images)

    @property
    def n_rows_wanted(self) -> int:
        """One while it generates, more while its prompt is not decoded."""
        return self.slot.n_tokens - self.slot.n_cached

    @property
    def n_rows_at_once(self) -> int:
        """How many of those rows one step may take.

        An answer that a seed is to repeat needs the same arithmetic each time, and a row that is decoded beside others
        is rounded otherwise than alone. The second time only the last row is not in the cache: so it goes alone.
        """
        n_rows = self.n_rows_wanted
        if n_rows > 1 and self.request.options.seed is not None:
            n_rows -= 1
        return min(n_rows, self.slot.n_text_rows)

    @property
    def image(self) -> PlacedImage | None:
        """The image that its prompt has come to; None while the next row is text."""
        return next((image for image in self.request.images if image.start == self.slot.n_cached), None)

    @property
    def is_generating(self) -> bool:
        return self.n_answer > 0

    def accept(
        self, token: int, piece: bytes, *, is_end: bool, now: float, probability: TokenProbability | None = None
    ) -> WireEvent:
        """Take the next token of the answer and return what it means for whoever asked."""
        self._timing.token(now)
        self.n_answer += 1
        event = WireEvent(id=self.request.id)
        if is_end:
            self._add_text(event, self._assembler.finish(), is_last=True)
            event["finish"] = self._finish("stop", token)
            return event
        text = self._assembler.feed(piece)
        if probability is not None:
            self._probabilities.add(probability)
        reason = self._reason_to_end()
        if reason is None:
            self._add_text(event, text)
            self.slot.append(token)
            return event
        self._add_text(event, text + self._assembler.finish(), is_last=True)
        event["finish"] = self._finish(reason, token)
        return event

    def _reason_to_end(self) -> Literal["stop", "length"] | None:
        constraint = self.request.constraint
        if self._assembler.is_stopped or (constraint is not None and constraint.is_finished):
            return "stop"
        limit = self.request.options.num_predict
        if limit <= 0 and self.request.shift:
            limit = ENDLESS_WINDOWS * self._n_ctx
        return "length" if self.is_full or 0 < limit <= self.n_answer else None

    def _add_text(self, event: WireEvent, text: str, *, is_last: bool = False) -> None:
        delta = self._reader.feed(text)
        if is_last:
            delta = joined([delta, self._reader.finish()])
        if probabilities := self._probabilities.released(is_last=is_last):
            event["logprobs"] = [wire_probability(probability) for probability in probabilities]
        if delta.content:
            event["content"] = delta.content
        if delta.thinking:
            event["thinking"] = delta.thinking
        if delta.tool_calls:
            event["tool_calls"] = [
                WireToolCall(name=call.name, arguments=call.arguments, id=call.id) for call in delta.tool_calls
            ]

    def _finish(self, reason: Literal["stop", "length"], last_token: int) -> WireFinish:
        seen = self.slot.tokens[: self.slot.n_tokens].tolist() if self.request.wants_context else []
        return WireFinish(
            reason=reason,
            prompt_tokens=len(self.request.prompt),
            answer_tokens=self.n_answer,
            prompt_s=self._timing.prompt_s,
            answer_s=self._timing.answer_s,
            cached_tokens=self.n_reused,
            dropped_messages=self.request.dropped_messages,
            shifted_tokens=self.n_shifted,
            context=[*seen, last_token] if seen else [],
            queued_s=self._timing.queued_s,
            token_s_p50=self._timing.gap_s(50),
            token_s_p95=self._timing.gap_s(95),
        )
