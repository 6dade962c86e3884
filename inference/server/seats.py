"""The runner processes of one server: what is needed of one, and what is known about it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from inference.library.models import LibraryModel
from inference.runner.mailbox import OnPause
from inference.runner.types import Embedded, GenerateRequest, Ranked, RunnerEvent, RunnerFacts, RunnerSpec
from inference.server.durations import FOREVER
from inference.server.sizing import Window, forecast_of
from inference.types import Priority


class Runner(Protocol):
    """What the server needs of a runner process; `RunnerHandle` is the real one."""

    @property
    def pid(self) -> int: ...
    @property
    def facts(self) -> RunnerFacts: ...
    @property
    def is_alive(self) -> bool: ...
    @property
    def rss_bytes(self) -> int: ...

    def generate(
        self, request: GenerateRequest, *, on_pause: OnPause | None = None
    ) -> AsyncGenerator[RunnerEvent, None]: ...
    async def embed(self, texts: Sequence[str], *, truncate: bool = True) -> Embedded: ...
    async def rank(self, query: str, documents: Sequence[str], *, truncate: bool = True) -> Ranked: ...
    async def stop(self) -> None: ...


class StartRunner(Protocol):
    def __call__(self, spec: RunnerSpec, *, timeout_s: float) -> Awaitable[Runner]: ...


class Active(Protocol):
    """A request that holds a slot, or lends it while `is_paused`."""

    priority: Priority
    granted_at: float
    is_paused: bool


@dataclass(slots=True, kw_only=True, eq=False)
class Seat:
    """One runner process, from before its start until after its end. The scheduler owns it.

    Attributes:
        needs_bytes: Memory that was forecast for it.
        keep_alive_s: As the last request said.
        active: Requests that hold one of its slots now.
        last_used: By the scheduler's clock.
        ready_at: By the scheduler's clock.
        expires_at: By the scheduler's clock; None while it is used, FOREVER when it never does.
        is_largest: A larger context window was wished for and does not fit into memory.
    """

    model: LibraryModel
    spec: RunnerSpec
    needs_bytes: int
    keep_alive_s: float
    last_used: float
    state: Literal["loading", "ready", "stopping"] = "loading"
    runner: Runner | None = None
    active: list[Active] = field(default_factory=list)
    load_s: float = 0.0
    ready_at: float = 0.0
    expires_at: float | None = None
    is_largest: bool = False

    @property
    def key(self) -> str:
        return self.model.name.key

    @property
    def n_active(self) -> int:
        return len(self.active)

    @property
    def is_idle(self) -> bool:
        return self.state == "ready" and self.n_active == 0

    @property
    def cache_bytes(self) -> int:
        """What its context takes, with a place for every token of every slot from the beginning."""
        return forecast_of(self.model, self.spec).cache

    @property
    def card_bytes(self) -> int:
        """What lies on graphics cards of it; 0 before it is loaded."""
        return self.runner.facts.card_bytes if self.runner is not None else 0

    def has_room_for(self, priority: Priority) -> bool:
        """Return whether a request gets a slot now: the runner lets paused answers rest, and idle work for a person."""
        awake = [active for active in self.active if not active.is_paused]
        n_rivals = sum(priority == "idle" or active.priority == "person" for active in awake)
        return self.state == "ready" and n_rivals < self.spec.n_slots

    def suits(self, model: LibraryModel, window: Window) -> bool:
        """Return whether this runner can answer such a request: same file, large enough window, loaded as asked."""
        is_same = self.model.digest == model.digest and self.model.path == model.path
        if window.spec is not None:
            return self.state != "stopping" and is_same and self.spec == window.spec
        return (
            self.state != "stopping"
            and is_same
            and window.loading.is_met_by(self.spec)
            and (self.spec.n_ctx >= (window.n_ctx or 0) or (window.is_wish and self.is_largest))
        )

    def seconds_left(self, now: float) -> float | None:
        """Return how long a runner stays when nobody asks for it again; None for ever."""
        if self.n_active or self.expires_at is None:
            return None if self.keep_alive_s == FOREVER else self.keep_alive_s
        return None if self.expires_at == FOREVER else max(0.0, self.expires_at - now)
