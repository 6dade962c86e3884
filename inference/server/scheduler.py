"""Decide which models are loaded and whose turn it is.

Everything here runs on one event loop, so state changes only between two awaits and needs no lock. A request takes a
`Ticket`; `dispatch` goes through the waiting tickets in their fair order whenever anything changed, and either gives
the first ones a slot, starts a load, or ends an idle runner to make room.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import GenerationStopped, InferenceError, ModelLoadFailed, OutOfMemory, QueueFull
from inference.library.models import LibraryModel
from inference.runner.types import KvType, RunnerSpec
from inference.server.durations import FOREVER
from inference.server.fairness import AnswerTimes, Turns
from inference.server.fitting import ran_out, too_large
from inference.server.kept import KeptSettings
from inference.server.loading import AS_IT_IS, Loading
from inference.server.measured import MeasuredMemory
from inference.server.seats import Runner, Seat, StartRunner
from inference.server.setbacks import Setbacks
from inference.server.sizing import Sizing, Window
from inference.server.tickets import Ticket
from inference.types import Priority, Progress

logger = logging.getLogger(__name__)

WATCH_EVERY_S = 5.0
"""How often a runner that died while nobody used it is noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """See `ServerConfig`, which has the same names."""

    keep_alive_s: float = 300.0
    num_parallel: int | None = None
    max_queue: int = 512
    max_loaded: int = 3
    context_length: int | None = None
    load_timeout_s: float = 300.0
    kv_type: KvType = "f16"
    parked_folder: Path | None = None
    parked_bytes: int = 0
    flash_attention: bool | None = None


class Scheduler:
    """All runners of one server.

    Args:
        start: Starts a runner process; cancelling it must end the process.
        clock: Seconds that only grow; tests turn it by hand.
        available_bytes: Memory that can still be used, beside these runner processes.
        measured: Where it is written down what runners really take.
        kept: How single models are to be loaded.
    """

    def __init__(
        self,
        start: StartRunner,
        limits: Limits,
        *,
        available_bytes: Callable[[Sequence[int]], int],
        measured: MeasuredMemory | None = None,
        kept: KeptSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self._start = start
        self._limits = limits
        self.sizing = Sizing(
            num_parallel=limits.num_parallel,
            context_length=limits.context_length,
            kv_type=limits.kv_type,
            parked_folder=limits.parked_folder,
            parked_bytes=limits.parked_bytes,
            flash_attention=limits.flash_attention,
            kept=kept or KeptSettings(),
        )
        self._available_bytes = available_bytes
        self._measured = measured or MeasuredMemory(None)
        self._seats: dict[str, Seat] = {}
        self._waiting: list[Ticket] = []
        """In the order they came."""
        self._turns = Turns()
        self._answer_times = AnswerTimes()
        self._load_times: dict[str, float] = {}
        """Seconds of the last load, by the model's digest."""
        self._setbacks = Setbacks(clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._is_closing = False

    # ---- what requests do

    def take_ticket(
        self,
        model: LibraryModel,
        *,
        n_ctx: int | None = None,
        wished_ctx: int = 0,
        loading: Loading = AS_IT_IS,
        spec: RunnerSpec | None = None,
        keep_alive_s: float | None = None,
        asked_by: str = "",
        priority: Priority = "person",
    ) -> Ticket:
        """Queue a request.

        Args:
            n_ctx: Context window the request needs, cut to what the model knows; None takes what there is.
            wished_ctx: Without `n_ctx`, the window in which the request surely fits. More than SMALLEST_WISH starts
                the model anew with a larger window where memory allows; a fixed window is never changed by it.
            loading: How else the model is to be loaded.
            spec: Exactly this is to be loaded; what else is said of the way does not count then.
            asked_by: Whoever waits is served in turns of these keys.

        Raises:
            QueueFull: More requests wait already than the queue holds.
            GenerationStopped: The server is shutting down.
        """
        if self._is_closing:
            raise GenerationStopped
        stays_s = self._limits.keep_alive_s if keep_alive_s is None else keep_alive_s
        window = Window(spec=spec) if spec is not None else self.sizing.window(model, n_ctx, wished_ctx, loading)
        ticket = Ticket(self, model, window, stays_s, asked_by=asked_by, priority=priority)
        self._waiting.append(ticket)
        self.dispatch()
        # A request that was served at once never counts, so a queue of 0 still lets the free slots be used.
        if ticket in self._waiting and len(self._waiting) > self._limits.max_queue + self._n_first_of_a_load():
            ticket.close()
            raise QueueFull
        return ticket

    def give_back(self, ticket: Ticket, seat: Seat | None) -> None:
        """Take a closed ticket out of the queue, or its slot back."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)
        if seat is not None:
            seat.active.remove(ticket)
            self._measure(seat)
            self._turns.ended(ticket.asked_by)
            self._mark_used(seat)
        self.dispatch()

    def learn(self, ticket: Ticket) -> None:
        self._answer_times.learn(ticket.model.name.key, self.clock() - ticket.granted_at)

    def progress_of(self, ticket: Ticket, waited_s: float) -> Progress:
        seat = self._seats.get(ticket.model.name.key)
        if seat is not None and seat.state == "loading" and ticket.fits(seat):
            return Progress(state="loading", waited_s=waited_s, expected_s=self._load_ends_in_s(seat))
        queue = [other for other in self._in_turn() if other.model.name.key == ticket.model.name.key]
        n_before = queue.index(ticket)
        return Progress(
            state="queued",
            queue_position=n_before,
            waited_s=waited_s,
            expected_s=self._slot_free_in_s(seat, n_before) if seat is not None and ticket.fits(seat) else None,
        )

    def _load_ends_in_s(self, seat: Seat) -> float | None:
        load_s = self._load_times.get(seat.model.digest)
        return None if load_s is None else max(0.0, load_s - (self.clock() - seat.last_used))

    def _slot_free_in_s(self, seat: Seat, n_before: int) -> float | None:
        running_for_s = [self.clock() - active.granted_at for active in seat.active if active.priority == "person"]
        return self._answer_times.expected_s(
            seat.key, n_slots=seat.spec.n_slots, running_for_s=running_for_s, n_before=n_before
        )

    # ---- what the server does

    def seats(self) -> list[Seat]:
        """Return the runners that live, in the order they were started."""
        self._drop_dead()
        return list(self._seats.values())

    def n_waiting(self) -> int:
        return len(self._waiting)

    def seconds_left(self, seat: Seat) -> float | None:
        """Return how long a runner stays when nobody asks for it again; None for ever."""
        return seat.seconds_left(self.clock())

    async def unload(self, model: LibraryModel) -> None:
        """End the model's runner and wait for its end; a busy one ends after its last request, without waiting."""
        seat = self._seats.get(model.name.key)
        if seat is None:
            return
        seat.keep_alive_s = 0.0
        if seat.is_idle:
            self._stop(seat)
        if seat.state == "stopping":
            while self._seats.get(seat.key) is seat:
                self._changed.clear()
                await self._changed.wait()

    def expire_idle(self) -> None:
        """End the runners whose time is over, and forget those that died."""
        self._drop_dead()
        for seat in list(self._seats.values()):
            if seat.is_idle and seat.expires_at is not None and seat.expires_at <= self.clock():
                self._stop(seat)
        self.dispatch()

    async def watch(self) -> None:
        """Call `expire_idle` in time, for as long as the server runs."""
        while True:
            self.expire_idle()
            ends = [seat.expires_at for seat in self._seats.values() if seat.is_idle and seat.expires_at is not None]
            wait_s = min([WATCH_EVERY_S, *(max(0.0, end - self.clock()) for end in ends)])
            await asyncio.sleep(max(0.01, wait_s))

    async def aclose(self) -> None:
        """Refuse everything that waits and end every runner, loading ones too."""
        self._is_closing = True
        waiting, self._waiting = self._waiting, []
        for ticket in waiting:
            ticket.refuse(GenerationStopped())
        for task in self._tasks:
            if task.get_name().startswith("load"):
                task.cancel()
        for seat in list(self._seats.values()):
            if seat.state == "ready":
                self._stop(seat)
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- the decision

    def dispatch(self) -> None:
        """Serve what can be served, in turn. Called after every change."""
        self._drop_dead()
        # Busy runners that an earlier request waits to replace: later requests must not keep them busy for ever.
        doomed: set[str] = set()
        for ticket in self._in_turn():
            self._serve(ticket, doomed)
        self._changed.set()

    def _in_turn(self) -> list[Ticket]:
        return self._turns.ordered(self._waiting, self.clock())

    def _serve(self, ticket: Ticket, doomed: set[str]) -> None:
        seat = self._seats.get(ticket.model.name.key)
        if seat is None:
            self._try_to_load(ticket, doomed)
        elif ticket.fits(seat):
            if seat.runner is not None and seat.has_room_for(ticket.priority) and seat.key not in doomed:
                self._grant(ticket, seat, seat.runner)
        elif seat.is_idle:
            self._stop(seat)
        else:
            doomed.add(seat.key)

    def _grant(self, ticket: Ticket, seat: Seat, runner: Runner) -> None:
        self._waiting.remove(ticket)
        self._turns.began(ticket.asked_by)
        seat.active.append(ticket)
        seat.keep_alive_s = ticket.keep_alive_s
        seat.last_used = self.clock()
        seat.expires_at = None
        ticket.grant(seat, runner)

    def _try_to_load(self, ticket: Ticket, doomed: set[str]) -> None:
        failure = self._failure_of(ticket)
        if failure is not None:
            self._refuse(ticket, failure)
            return
        if self._must_replace(ticket):
            self._make_room(doomed)
            return
        free = self._free_bytes()
        spec, needs = self.sizing.plan(ticket.model, ticket.window, free)
        if needs > free:
            if self._seats:
                self._make_room(doomed)
            else:
                self._refuse(ticket, too_large(ticket.model, spec, free))
            return
        self._load(ticket, spec, needs)

    def _failure_of(self, ticket: Ticket) -> InferenceError | None:
        """Return why the model could not be loaded a moment ago, unless this request takes less memory."""
        if not self._setbacks.is_waiting(ticket.model):
            return None
        spec, _needs = self.sizing.plan(ticket.model, ticket.window, self._free_bytes())
        return self._setbacks.error_for(ticket.model, spec)

    def _must_replace(self, ticket: Ticket) -> bool:
        if ticket.model.kind == "onnx":  # Small, and needed between the messages of every chat over documents.
            return False
        return sum(seat.spec.kind == "llama" for seat in self._seats.values()) >= self._limits.max_loaded

    def _make_room(self, doomed: set[str]) -> None:
        """End the idle runner that was used longest ago; with none idle, let one of the busy ones run dry."""
        if any(seat.state == "stopping" for seat in self._seats.values()):
            return
        seats = sorted(
            (seat for seat in self._seats.values() if seat.spec.kind == "llama" or len(self._seats) == 1),
            key=lambda seat: seat.last_used,
        )
        idle = next((seat for seat in seats if seat.is_idle), None)
        if idle is not None:
            self._stop(idle)
        elif seats:
            doomed.add(seats[0].key)

    def free_bytes_alone(self) -> int:
        """Return the memory that one model could take if all others were unloaded."""
        runners = [seat.runner for seat in self._seats.values() if seat.runner is not None]
        return self._available_bytes([runner.pid for runner in runners]) + sum(runner.rss_bytes for runner in runners)

    def _free_bytes(self) -> int:
        """Return the free memory less what runners that are just starting will still take."""
        promised = sum(seat.needs_bytes for seat in self._seats.values() if seat.state == "loading")
        pids = [seat.runner.pid for seat in self._seats.values() if seat.runner is not None]
        return self._available_bytes(pids) - promised

    def _refuse(self, ticket: Ticket, error: InferenceError) -> None:
        self._waiting.remove(ticket)
        ticket.refuse(error)

    def _n_first_of_a_load(self) -> int:
        """Return how many waiting requests only wait for their own model to load; they take a slot, not a place."""
        loading = {seat.key: seat.spec.n_slots for seat in self._seats.values() if seat.state == "loading"}
        counted = 0
        for key, n_slots in loading.items():
            counted += min(n_slots, sum(ticket.model.name.key == key for ticket in self._waiting))
        return counted

    # ---- runners come and go

    def _load(self, ticket: Ticket, spec: RunnerSpec, needs_bytes: int) -> None:
        seat = Seat(
            model=ticket.model,
            spec=spec,
            needs_bytes=needs_bytes,
            keep_alive_s=ticket.keep_alive_s,
            last_used=self.clock(),
            is_largest=ticket.window.is_wish and spec.n_ctx < (ticket.window.n_ctx or 0),
        )
        self._seats[seat.key] = seat
        self._spawn("load", self._run_load(seat))

    async def _run_load(self, seat: Seat) -> None:
        began = self.clock()
        try:
            runner = await self._start(seat.spec, timeout_s=self._limits.load_timeout_s)
        except OutOfMemory as exc:
            self._seats.pop(seat.key, None)
            self._load_failed(seat, ran_out(seat.model, seat.spec, exc.detail))
        except InferenceError as exc:
            self._seats.pop(seat.key, None)
            self._load_failed(seat, exc)
        except asyncio.CancelledError:
            self._seats.pop(seat.key, None)
            raise
        except Exception:
            # A mistake of ours, logged when the task ends; nobody may wait for this seat for ever.
            self._seats.pop(seat.key, None)
            self._load_failed(seat, ModelLoadFailed(seat.spec.model, "internal error"))
            raise
        else:
            seat.runner = runner
            seat.ready_at = self.clock()
            seat.load_s = self._load_times[seat.model.digest] = seat.ready_at - began
            seat.state = "ready"
            self._setbacks.loaded(seat.model)
            self._mark_used(seat)
            logger.info("loaded %s in %.1f s (process %d)", seat.spec.model, seat.load_s, runner.pid)
        finally:
            self.dispatch()

    def _load_failed(self, seat: Seat, error: InferenceError) -> None:
        """Tell everybody whose request would fail alike, and do not try again for a while."""
        self._setbacks.failed(seat.model, seat.spec, error)
        logger.warning("cannot load %s: %s", seat.spec.model, getattr(error, "detail", type(error).__name__))
        for ticket in [ticket for ticket in self._waiting if ticket.model.name.key == seat.key]:
            if self._failure_of(ticket) is not None:
                self._refuse(ticket, error)

    def _stop(self, seat: Seat) -> None:
        if seat.runner is not None and seat.state != "stopping":
            seat.state = "stopping"
            self._spawn("stop", self._run_stop(seat, seat.runner))

    async def _run_stop(self, seat: Seat, runner: Runner) -> None:
        try:
            await runner.stop()
            logger.info("unloaded %s (process %d)", seat.spec.model, runner.pid)
        finally:
            if self._seats.get(seat.key) is seat:
                del self._seats[seat.key]
            self.dispatch()

    def _measure(self, seat: Seat) -> None:
        if seat.runner is not None and (taken := seat.runner.rss_bytes):
            self._measured.record(seat.model.digest, seat.spec, seat.needs_bytes, taken)

    def _mark_used(self, seat: Seat) -> None:
        seat.last_used = self.clock()
        if seat.n_active == 0:
            seat.expires_at = FOREVER if seat.keep_alive_s == FOREVER else self.clock() + seat.keep_alive_s
            wanted = any(ticket.fits(seat) for ticket in self._waiting)
            if seat.keep_alive_s <= 0 and seat.state == "ready" and not wanted:
                self._stop(seat)

    def _drop_dead(self) -> None:
        for seat in list(self._seats.values()):
            if seat.state == "ready" and seat.runner is not None and not seat.runner.is_alive:
                logger.warning("the runner of %s ended by itself (process %d)", seat.spec.model, seat.runner.pid)
                self._stop(seat)  # Lets the handle clean up; the process itself is gone.

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"{name} a model")
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a runner could not be started or ended", exc_info=task.exception())
