"""Slots: the sequences a context holds, what each has in its cache, and which one suits a new prompt best."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from inference.runner.parked import MIN_TOKENS, Parked, ParkedPrefixes

Tokens = npt.NDArray[np.int32]

MIN_SHARED = 16
"""Tokens: a shorter common beginning is decoded as quickly as it is copied."""

LEAST_SHARE = 0.01
"""Of another slot's cache, which is copied as a whole before it is cut to what is common."""

MOST_PARKED_BETWEEN_STEPS = 128 * 1024 * 1024
"""More takes so long to copy that running answers would wait for it."""

MOST_PARKED_AT_THE_END = 2**40
PARK_ALL_WITHIN_S = 1.5


class Cache(Protocol):
    """The part of a native context that slots need."""

    @property
    def can_shift(self) -> bool: ...
    def cut(self, sequence: int, length: int) -> bool: ...
    def forget(self, sequence: int) -> None: ...
    def shift(self, sequence: int, start: int, count: int) -> None: ...
    def state_bytes(self, sequence: int) -> int: ...
    def state(self, sequence: int) -> memoryview: ...
    def restore(self, sequence: int, state: memoryview | bytes) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Rows of a prompt that are an image: all of them are cached or none, and they may lie side by side.

    Attributes:
        n_positions: By how much the row after them is further on.
    """

    start: int
    n_rows: int
    n_positions: int

    @property
    def end(self) -> int:
        return self.start + self.n_rows


@dataclass(slots=True, eq=False)
class Slot:
    """A place for one request.

    Attributes:
        index: The sequence of the context that holds its cache.
        spans: The images among the tokens.
        n_seen: Rows that the native cache holds already of the image at `n_cached`.
        tokens: shape (n_ctx,); the prompt and the answer of the current or last request.
        n_tokens: How many of them are known; the last ones may not be decoded yet.
        n_cached: How many of them the native cache holds.
        n_pristine: How many of the first ones are in the cache as a prompt would put them there.
        used_at: Rises with every use; tells the longest idle slot.
    """

    index: int
    tokens: Tokens
    n_tokens: int = 0
    n_cached: int = 0
    n_pristine: int = 0
    is_busy: bool = False
    spans: Sequence[Span] = ()
    n_seen: int = 0
    used_at: int = 0

    def append(self, token: int) -> None:
        self.tokens[self.n_tokens] = token
        self.n_tokens += 1

    @property
    def n_text_rows(self) -> int:
        """Rows that are to be decoded before the next image."""
        ends = (span.start for span in self.spans if span.start >= self.n_cached)
        return min(ends, default=self.n_tokens) - self.n_cached

    def position(self, index: int) -> int:
        """Return the position of a row, which must not lie inside an image."""
        return index - sum(span.n_rows - span.n_positions for span in self.spans if span.end <= index)

    def common_prefix(self, prompt: Tokens) -> int:
        """Return how many leading tokens of the prompt are in the cache."""
        length = min(self.n_cached, self.n_pristine, len(prompt))
        differs = np.flatnonzero(self.tokens[:length] != prompt[:length])
        return int(differs[0]) if len(differs) else length


class Slots:
    """All slots of one context. Idle ones keep their cache, so that a next turn finds its history decoded."""

    def __init__(
        self,
        cache: Cache,
        n_slots: int,
        n_ctx: int,
        *,
        can_share: bool = True,
        parked: ParkedPrefixes | None = None,
    ) -> None:
        """Pass `can_share=False` for models whose past cannot be cut or copied in part.

        With `parked`, what a slot held is kept on disk when it makes room for another chat.
        """
        self._parked = parked
        self._cache = cache
        self._can_share = can_share
        self._clock = 0
        self.all: Sequence[Slot] = tuple(Slot(index, np.zeros(n_ctx, np.int32)) for index in range(n_slots))

    @property
    def n_idle(self) -> int:
        return sum(not slot.is_busy for slot in self.all)

    def take(self, prompt: Tokens, spans: Sequence[Span] = ()) -> Slot:
        """Return an idle slot made ready for the prompt, with as much of it cached as any slot has.

        Args:
            spans: The images in the prompt. Its last row is none.
        """
        # One token at least must be decoded, or there are no scores to pick the next one from.
        wanted = prompt[:-1]
        idle = [slot for slot in self.all if not slot.is_busy]
        source = max(self.all, key=lambda slot: (slot.common_prefix(wanted), not slot.is_busy))
        shared = _without_half_images(source.common_prefix(wanted), spans)
        # A prompt that shares only its beginning (a system message) must not cost another chat its whole history.
        is_own_history = not source.is_busy and shared * 2 >= source.n_cached
        oldest = min(idle, key=lambda slot: (slot.n_cached > 0, slot.used_at))
        target = source if is_own_history or (not source.is_busy and not self._can_share) else oldest
        if not is_own_history:
            self._park(target, MOST_PARKED_BETWEEN_STEPS)
        parked, n_parked = self._parked_for(wanted, shared)
        if parked is not None:
            self._forget(target)
            shared = self._restored(target, parked, n_parked)
        elif target is source:
            shared = self._cut(source, shared)
        else:
            self._forget(target)
            shared = self._copy(source, target, shared)
        target.tokens[: len(prompt)] = prompt
        target.spans, target.n_seen = spans, 0
        target.n_tokens, target.n_cached, target.is_busy = len(prompt), shared, True
        target.n_pristine = len(target.tokens)
        self._clock += 1
        target.used_at = self._clock
        return target

    def park_idle(self) -> None:
        """Keep on disk what the idle slots hold, as far as time allows: the model is about to be unloaded."""
        deadline = time.monotonic() + PARK_ALL_WITHIN_S
        latest_first = sorted(self.all, key=lambda slot: slot.used_at, reverse=True)
        for slot in (slot for slot in latest_first if not slot.is_busy):
            if time.monotonic() < deadline:
                self._park(slot, MOST_PARKED_AT_THE_END)
        if self._parked is not None:
            self._parked.flush()

    def _park(self, slot: Slot, most_bytes: int) -> None:
        # The rows of an image have numbers that mean nothing to another process.
        if self._parked is None or slot.spans or not MIN_TOKENS <= slot.n_cached <= slot.n_pristine:
            return
        tokens = slot.tokens[: slot.n_cached]
        is_elsewhere = any(other is not slot and other.common_prefix(tokens) == len(tokens) for other in self.all)
        if not is_elsewhere and not self._parked.holds(tokens) and self._cache.state_bytes(slot.index) <= most_bytes:
            self._parked.write(tokens, self._cache.state(slot.index))

    def _parked_for(self, wanted: Tokens, shared: int) -> tuple[Parked | None, int]:
        """Return the file that saves the most decoding, and its length in tokens; None when none is worth reading."""
        if self._parked is None:
            return None, 0
        parked, length = self._parked.best(wanted)
        is_usable = parked is not None and (length == len(parked.tokens) or self._can_share)
        return (parked, length) if is_usable and length >= shared + MIN_TOKENS else (None, 0)

    def _restored(self, target: Slot, parked: Parked, length: int) -> int:
        """Read a beginning of the prompt into an empty slot; return its length, 0 when that fails."""
        target.spans = ()
        state = self._parked.read(parked) if self._parked is not None else None
        if state is None or not self._cache.restore(target.index, state):
            self._forget(target)
            return 0
        return self._cut(target, length)

    def give_back(self, slot: Slot) -> None:
        slot.is_busy = False
        self._clock += 1
        slot.used_at = self._clock

    def shift(self, slot: Slot, n_keep: int, n_drop: int) -> None:
        """Forget tokens after the first `n_keep`; what follows them moves up."""
        kept_until, n_tokens = n_keep + n_drop, slot.n_tokens - n_drop
        if self._cache.can_shift:
            self._cache.shift(slot.index, n_keep, n_drop)
            slot.n_cached -= n_drop
            slot.n_pristine = min(slot.n_pristine, n_keep)
        else:
            slot.n_cached = self._cut(slot, min(n_keep, slot.n_cached))
        slot.tokens[n_keep:n_tokens] = slot.tokens[kept_until : slot.n_tokens]
        slot.n_tokens = n_tokens

    def roll_back(self, slot: Slot) -> None:
        """Bring the native cache back to `n_cached` after a decode that was interrupted half-way."""
        slot.n_seen = 0
        slot.n_cached = self._cut(slot, slot.n_cached)

    def forget_idle(self) -> bool:
        """Empty the caches of all idle slots; False when there was nothing to empty."""
        idle = [slot for slot in self.all if not slot.is_busy and slot.n_cached]
        for slot in idle:
            self._forget(slot)
        return bool(idle)

    def gather(self, slots: Sequence[Slot]) -> None:
        """Make neighbours of the sequences of some slots, so that their rows go through the weights together.

        Other slots get the sequences that they leave. No key may wait for being moved.
        """
        indices = [slot.index for slot in slots]
        if not self._can_share or not slots or max(indices) - min(indices) < len(slots):
            return
        if any(slot.n_seen for slot in slots):  # Half an image has no place in the count of what is cached.
            return
        firsts = range(len(self.all) - len(slots) + 1)
        leaving, giving = min((self._moves(slots, first) for first in firsts), key=_n_moved)
        for one, other in zip(leaving, giving, strict=True):
            self._swap(one, other)

    def _moves(self, slots: Sequence[Slot], first: int) -> tuple[list[Slot], list[Slot]]:
        """Return which of the slots have to leave so that they all lie from `first` on, and who gives them room."""
        window = range(first, first + len(slots))
        leaving = [slot for slot in slots if slot.index not in window]
        giving = [slot for slot in self.all if slot.index in window and slot not in slots]
        return leaving, giving

    def _swap(self, one: Slot, other: Slot) -> None:
        states = [(slot, state) for slot in (one, other) if (state := self._state(slot)) is not None]
        for slot in (one, other):
            self._cache.forget(slot.index)
        one.index, other.index = other.index, one.index
        for slot, state in states:
            if not self._cache.restore(slot.index, state):
                self._forget(slot)

    def _state(self, slot: Slot) -> memoryview | None:
        return self._cache.state(slot.index) if slot.n_cached else None

    def _cut(self, slot: Slot, length: int) -> int:
        """Shorten a slot's cache; return what is left, which is nothing when the model's past cannot be cut."""
        if self._cache.cut(slot.index, slot.position(length)):
            return length
        self._forget(slot)
        return 0

    def _copy(self, source: Slot, target: Slot, length: int) -> int:
        """Give an empty slot the beginning of another one's cache; return its length, 0 where that is not worth it."""
        if not self._can_share or length < max(MIN_SHARED, source.n_cached * LEAST_SHARE):
            return 0
        if not self._cache.restore(target.index, self._cache.state(source.index)):
            self._forget(target)
            return 0
        target.spans = source.spans
        return self._cut(target, length)

    def _forget(self, slot: Slot) -> None:
        self._cache.forget(slot.index)
        slot.n_cached = 0


def _n_moved(moves: tuple[list[Slot], list[Slot]]) -> int:
    return sum(slot.n_cached for slots in moves for slot in slots)


def _without_half_images(length: int, spans: Sequence[Span]) -> int:
    """Return where the image begins in which a prefix ends; the prefix's own end when that is text."""
    return next((span.start for span in spans if span.start < length < span.end), length)
