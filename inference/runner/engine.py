"""The decode loop of a chat model: every step advances all running requests in one batch.

A step admits waiting requests to idle slots, fills a batch with one row per generating request and with rows of
prompts, decodes it, and picks one token for each request whose prompt is complete. Prompts go in pieces that take about
`STEP_AIM_S`, so that running answers keep flowing while a long prompt arrives.

Work of idle priority gives way to people: its prompt waits while a person's request runs, and when a person needs its
slot it is suspended, to go on later where it stopped. So is an answer that is paused because its reader does not keep
up, as soon as anybody needs the slot.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from inference.runner.constraint import GrammarStuck
from inference.runner.native import CACHE_FULL, DECODED, INTERRUPTED, Context, Model
from inference.runner.pace import Pace
from inference.runner.parked import ParkedPrefixes
from inference.runner.probabilities import token_probability
from inference.runner.protocol import WireError, WireEvent
from inference.runner.running import Request, Running
from inference.runner.sampling import Sampler
from inference.runner.slots import Slots

if TYPE_CHECKING:  # A model without eyes needs no library for them.
    from inference.runner.images import PlacedImage
    from inference.runner.vision import ImageReader

STEP_AIM_S = 0.5
"""How long a step with prompt rows may take while answers are running. Shorter steps cost throughput."""

MIN_PROMPT_ROWS = 65
"""Fewer rows of a prompt go through llama.cpp's attention several times slower: it takes tiles of 64, and one row goes
with those of the answers that are running."""

LOOK_WAIT_S = 0.02
"""How long a step without rows waits for an image to be looked at; a request that arrives waits as long."""

INTERRUPT_WORTH_S = 0.1
"""Shorter steps are waited for when a request is cancelled; longer ones are interrupted."""


@dataclass(frozen=True, slots=True)
class Share:
    """The rows that one request has in the current batch; `output_row` is where its next token comes from."""

    running: Running
    n_rows: int
    output_row: int | None


class Engine:
    """Owns a context and its slots. One thread calls `submit` and `step`; any thread may call `interrupt`."""

    def __init__(
        self,
        model: Model,
        context: Context,
        *,
        n_slots: int,
        n_ctx: int,
        max_queue: int,
        reader: ImageReader | None = None,
        parked: ParkedPrefixes | None = None,
    ) -> None:
        self.n_ctx = n_ctx
        self._model = model
        self._context = context
        self._reader = reader
        self._slots = Slots(context, n_slots, n_ctx, can_share=model.keeps_every_position, parked=parked)
        self._max_queue = max_queue
        self._waiting: deque[Request] = deque()
        self._running: list[Running] = []
        self._suspended: deque[Running] = deque()
        self._can_shift = model.keeps_every_position and context.can_shift
        self._moves_keys = False
        """The next step must not be interrupted."""
        self._pace = Pace()
        self._step_lock = threading.Lock()
        self._in_long_step: frozenset[int] = frozenset()

    @property
    def has_work(self) -> bool:
        # A step lets nobody wait while paused ones have all the slots.
        begun = (*self._running, *self._suspended)
        return bool(self._waiting) or any(not running.request.is_paused for running in begun)

    def submit(self, request: Request) -> list[WireEvent]:
        """Take a request; return its refusal when the queue is full."""
        if len(self._waiting) >= self._max_queue + self._slots.n_idle:
            error = WireError(kind="queue_full", detail=f"{self._max_queue} requests are waiting")
            return [WireEvent(id=request.id, error=error)]
        self._waiting.append(request)
        return []

    def interrupt(self, request: Request) -> None:
        """Do not let a request that was just cancelled wait for the end of a long step."""
        with self._step_lock:
            if request.id in self._in_long_step:
                self._context.interrupt()

    def step(self) -> list[WireEvent]:
        """Advance every running request by one step and return what happened."""
        self._drop_cancelled()
        self._admit()
        events = list(self._changed_positions())
        if not self._awake:
            return events
        shares = self._fill_batch()
        if shares and self._decode(shares, self._context.decode):
            for share in shares:
                share.running.slot.n_cached += share.n_rows
            events += self._pick_tokens(shares, time.perf_counter())
        if self._reader is not None:
            events += self._read_image(self._reader, may_wait=not shares)
        return events

    def close(self) -> None:
        for running in (*self._running, *self._suspended):
            running.sampler.close()
        self._running.clear()
        self._suspended.clear()

    def park(self) -> None:
        """Keep on disk what was decoded and may be asked for again."""
        self._drop_cancelled()
        self._slots.park_idle()

    def _drop_cancelled(self) -> None:
        if any(request.is_cancelled for request in self._waiting):
            self._waiting = deque(request for request in self._waiting if not request.is_cancelled)
        for running in [running for running in self._suspended if running.request.is_cancelled]:
            running.sampler.close()
            self._suspended.remove(running)
        for running in [running for running in self._running if running.request.is_cancelled]:
            self._release(running)

    def _release(self, running: Running) -> None:
        running.sampler.close()
        self._leave_slot(running)

    def _leave_slot(self, running: Running) -> None:
        self._slots.give_back(running.slot)
        self._running.remove(running)

    def _admit(self) -> None:
        # A slot is a reservation: its share of the cache holds the longest prompt and answer a request may have.
        now = time.perf_counter()
        for request in [request for request in self._waiting if not request.gives_way(now)]:
            if not (self._has_slot() or self._suspend_one(lambda running: running.request.gives_way(now))):
                return
            self._waiting.remove(request)
            self._begin(request, now)
        for running in [running for running in self._suspended if not running.request.is_paused]:
            if not self._has_slot():
                return
            self._suspended.remove(running)
            running.resume(self._slots)
            self._running.append(running)
        while self._waiting and self._has_slot():
            self._begin(self._waiting.popleft(), now)

    def _has_slot(self) -> bool:
        """Whether a slot is idle; one whose answer is paused becomes so."""
        return self._slots.n_idle > 0 or self._suspend_one(lambda running: running.request.is_paused)

    def _suspend_one(self, may_wait: Callable[[Running], bool]) -> bool:
        """Free the slot of the last one that came of those that may wait; False when there is none."""
        running = next(filter(may_wait, reversed(self._running)), None)
        if running is None:
            return False
        running.suspend()
        self._leave_slot(running)
        self._suspended.append(running)
        return True

    @property
    def _awake(self) -> list[Running]:
        return [running for running in self._running if not running.request.is_paused]

    def _begin(self, request: Request, now: float) -> None:
        slot = self._slots.take(request.prompt, request.images)
        options = request.options
        n_ctx = min(self.n_ctx, options.num_ctx or self.n_ctx)
        seed = options.seed if options.seed is not None else secrets.randbits(31)
        sampler = Sampler(
            options,
            n_vocab=self._model.n_vocab,
            n_ctx=self.n_ctx,
            seed=seed,
            prompt=request.prompt[request.prompt >= 0].tolist(),
            constraint=request.constraint,
        )
        self._running.append(Running(request, slot, sampler, n_ctx, now))

    def _changed_positions(self) -> Iterable[WireEvent]:
        for position, request in enumerate(self._waiting):
            if request.told_position != position:
                request.told_position = position
                yield WireEvent(id=request.id, position=position)

    def _fill_batch(self) -> list[Share]:
        """Put rows into the batch: one per generating request, then as many of prompts as there is time for."""
        awake = self._awake
        if not self._moves_keys:
            self._slots.gather([running.slot for running in awake])
        self._context.batch.clear()
        # In the order of their sequences, rows of several requests go through the weights together.
        wanted = sorted(self._wanted_rows(awake), key=lambda pair: pair[0].slot.index)
        return [self._add_rows(running, n_rows) for running, n_rows in wanted]

    def _wanted_rows(self, awake: Sequence[Running]) -> Iterator[tuple[Running, int]]:
        generating = [running for running in awake if running.n_rows_wanted == 1]
        prefilling = [running for running in awake if running.n_rows_wanted > 1 and running.image is None]
        now = time.perf_counter()
        if not all(running.request.gives_way(now) for running in awake):
            prefilling = [running for running in prefilling if not running.request.gives_way(now)]
        for running in generating:
            yield running, 1
        room = self._context.batch.capacity - len(generating)
        n_prompt_rows = self._prompt_rows(len(generating))
        for place, running in enumerate(prefilling):
            if not n_prompt_rows:
                return
            n_rows = running.n_rows_at_once
            # A short rest is taken along, and a short beginning is left for the next step.
            if n_rows >= n_prompt_rows + MIN_PROMPT_ROWS or n_rows > room:
                n_rows = min(n_prompt_rows, room)
                if place and n_rows < MIN_PROMPT_ROWS:
                    return
            yield running, n_rows
            n_prompt_rows = max(0, n_prompt_rows - n_rows)
            room -= n_rows

    def _prompt_rows(self, n_generating: int) -> int:
        room = self._context.batch.capacity - n_generating
        aim = self._pace.rows_within(STEP_AIM_S)
        return room if not n_generating or aim is None else min(room, max(MIN_PROMPT_ROWS, aim))

    def _add_rows(self, running: Running, n_rows: int) -> Share:
        slot = running.slot
        is_complete = n_rows == running.n_rows_wanted
        tokens = slot.tokens[slot.n_cached : slot.n_cached + n_rows]
        position = slot.position(slot.n_cached)
        last_row = self._context.batch.add(slot.index, position, tokens, output_last=is_complete)
        return Share(running, n_rows, last_row if is_complete else None)

    def _read_image(self, reader: ImageReader, *, may_wait: bool) -> list[WireEvent]:
        """Decode rows of the first image that a prompt has come to and that was looked at, beside what is generated."""
        now = time.perf_counter()
        awake = self._awake
        is_idle_time = all(running.request.gives_way(now) for running in awake)
        for running in awake:
            image = running.image
            if image is None or (running.request.gives_way(now) and not is_idle_time):
                continue
            if not reader.is_ready(image, running.request.ticket):
                continue
            if image.sight.problem:
                self._release(running)
                error = WireError(kind="invalid_request", detail=f"an image cannot be read: {image.sight.problem}")
                return [WireEvent(id=running.request.id, error=error)]
            self._decode_image(reader, running, image)
            return []
        if may_wait:
            reader.wait(LOOK_WAIT_S)
        return []

    def _decode_image(self, reader: ImageReader, running: Running, image: PlacedImage) -> None:
        slot = running.slot
        n_rows = image.n_rows
        if not image.sight.part.is_whole:
            n_generating = sum(running.is_generating for running in self._running)
            n_rows = min(image.n_rows - slot.n_seen, self._prompt_rows(n_generating))
        share = Share(running, n_rows, None)
        if self._decode([share], partial(reader.decode, slot, image, n_rows)):
            slot.n_seen += n_rows
            if slot.n_seen == image.n_rows:
                slot.n_cached, slot.n_seen = image.end, 0

    def _decode(self, shares: list[Share], decode: Callable[[], int]) -> bool:
        """Decode the rows of some requests; False when it was interrupted and everything is as before the step."""
        started = time.perf_counter()
        result = self._decode_watched(shares, decode)
        if result == CACHE_FULL and self._slots.forget_idle():
            result = self._decode_watched(shares, decode)
        if result == INTERRUPTED:
            for share in shares:
                self._slots.roll_back(share.running.slot)
            return False
        if result != DECODED:
            raise RuntimeError(f"llama_decode returned {result} although every slot has its share of the cache")
        self._pace.learn(_n_rows(shares), time.perf_counter() - started)
        return True

    def _decode_watched(self, shares: list[Share], decode: Callable[[], int]) -> int:
        """Decode in such a way that `interrupt` works when that is worth it."""
        is_long = self._pace.may_exceed(_n_rows(shares), INTERRUPT_WORTH_S) and not self._moves_keys
        self._moves_keys = False
        requests = [share.running.request for share in shares]
        with self._step_lock:
            self._context.clear_interrupt()
            # Whoever cancels from now on finds its request here; whoever did before is seen by the next line.
            self._in_long_step = frozenset(request.id for request in requests) if is_long else frozenset()
            if is_long and any(request.is_cancelled for request in requests):
                return INTERRUPTED
        try:
            return decode()
        finally:
            with self._step_lock:
                self._in_long_step = frozenset()

    def _pick_tokens(self, shares: list[Share], now: float) -> list[WireEvent]:
        events: list[WireEvent] = []
        for share in shares:
            if share.output_row is None:
                continue
            running = share.running
            event = self._pick_token(running, share.output_row, now)
            if "finish" in event or "error" in event:
                self._release(running)
            if len(event) > 1:
                events.append(event)
        return events

    def _pick_token(self, running: Running, row: int, now: float) -> WireEvent:
        try:
            token = running.sampler.pick(self._context, row)
        except GrammarStuck as exc:
            error = WireError(kind="invalid_request", detail=exc.detail)
            return WireEvent(id=running.request.id, error=error)
        piece, is_end = self._model.piece(token), self._model.is_end(token)
        if running.request.shift and running.is_full and self._can_shift and not is_end:
            running.shift(self._slots)
            self._moves_keys = True
        n_top = running.request.top_logprobs
        probability = None
        if n_top is not None and not is_end:
            probability = token_probability(self._context.scores(row), token, n_top, self._model.spelled)
        return running.accept(token, piece, is_end=is_end, now=now, probability=probability)


def _n_rows(shares: Iterable[Share]) -> int:
    return sum(share.n_rows for share in shares)
