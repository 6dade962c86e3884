"""The asyncio side of one runner process: start it, ask it, notice its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from inference.runner.types import (
    Embedded,
    GenerateRequest,
    Queued,
    RunnerEvent,
    RunnerFacts,
    RunnerFinished,
    RunnerSpec,
    TextDelta,
)

__all__ = [
    "Embedded",
    "GenerateRequest",
    "Queued",
    "RunnerEvent",
    "RunnerFacts",
    "RunnerFinished",
    "RunnerHandle",
    "RunnerSpec",
    "TextDelta",
]


class RunnerHandle:
    """One runner process. Whoever started it owns it and calls `stop`."""

    spec: RunnerSpec
    facts: RunnerFacts
    pid: int

    @classmethod
    async def start(cls, spec: RunnerSpec, *, timeout_s: float) -> RunnerHandle:
        """Start the process and wait until its model is loaded. Raises ModelLoadFailed or BadModelFile."""
        raise NotImplementedError

    def generate(self, request: GenerateRequest) -> AsyncIterator[RunnerEvent]:
        """Yield the events of one generation. Raises RunnerDied, InvalidRequest or QueueFull."""
        raise NotImplementedError

    async def embed(self, texts: Sequence[str], *, truncate: bool = True) -> Embedded:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    @property
    def is_alive(self) -> bool:
        raise NotImplementedError

    @property
    def rss_bytes(self) -> int:
        raise NotImplementedError

    @property
    def n_active(self) -> int:
        raise NotImplementedError
