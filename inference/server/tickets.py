"""A request's place in the queue of the scheduler, and then its slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from inference.errors import InferenceError
from inference.library.models import LibraryModel
from inference.server.seats import Runner, Seat
from inference.server.sizing import Window
from inference.types import Priority, Progress


class Desk(Protocol):
    """The part of the scheduler that tickets turn to."""

    clock: Callable[[], float]

    def dispatch(self) -> None: ...
    def learn(self, ticket: Ticket) -> None: ...
    def give_back(self, ticket: Ticket, seat: Seat | None) -> None: ...
    def progress_of(self, ticket: Ticket, waited_s: float) -> Progress: ...


class Ticket:
    """One request's place in the queue, and then its slot. Whoever took it calls `close`, whatever happened."""

    def __init__(
        self,
        desk: Desk,
        model: LibraryModel,
        window: Window,
        keep_alive_s: float,
        *,
        asked_by: str,
        priority: Priority,
    ) -> None:
        self.model = model
        self.window = window
        self.keep_alive_s = keep_alive_s
        self.asked_by = asked_by
        self.priority = priority
        self.taken_at = desk.clock()
        self.granted_at = 0.0
        self.load_s = 0.0
        self.queue_s = 0.0
        self.is_paused = False
        self._desk = desk
        self._seat: Seat | None = None
        self._granted: asyncio.Future[Runner] = asyncio.get_running_loop().create_future()

    async def runner(self) -> Runner:
        """Wait for the slot and return the runner.

        Raises:
            ModelLoadFailed, BadModelFile: The model cannot be loaded.
            GenerationStopped: The server is shutting down.
        """
        return await asyncio.shield(self._granted)

    async def progress(self, every_s: float = 0.5) -> AsyncGenerator[Progress, None]:
        """Yield why nothing happens yet, first after `every_s`, and end when the slot is there or was refused."""
        while not self._granted.done():
            await asyncio.wait([self._granted], timeout=every_s)
            if not self._granted.done():
                yield self._desk.progress_of(self, self._desk.clock() - self.taken_at)

    def fits(self, seat: Seat) -> bool:
        """Return whether that runner can answer this request, now or later."""
        return self.model.name.key == seat.key and seat.suits(self.model, self.window)

    def grant(self, seat: Seat, runner: Runner) -> None:
        self._seat = seat
        self.granted_at = self._desk.clock()
        waited_s = self.granted_at - self.taken_at
        # A model that was there when the request came cost it nothing.
        self.load_s = min(seat.load_s, waited_s) if seat.ready_at > self.taken_at else 0.0
        self.queue_s = waited_s - self.load_s
        self._granted.set_result(runner)

    def refuse(self, error: InferenceError) -> None:
        if not self._granted.done():
            self._granted.set_exception(error)
            self._granted.exception()  # Whoever gave up waiting must not leave a warning behind.

    def pause(self, is_paused: bool) -> None:  # noqa: FBT001 - the shape of OnPause
        """The client does not read its answer, or does again: meanwhile its slot is for others."""
        self.is_paused = is_paused
        self._desk.dispatch()

    def answered(self) -> None:
        """The request ended by itself: how long it took tells how long others will wait."""
        self._desk.learn(self)

    def close(self) -> None:
        """Give the slot back, or leave the queue. May be called more than once."""
        seat, self._seat = self._seat, None
        self._granted.cancel()
        self._desk.give_back(self, seat)
