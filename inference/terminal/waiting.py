"""Tells why no answer comes yet."""

from __future__ import annotations

from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from inference.terminal.words import span_in_words
from inference.types import Progress


class Waiting:
    """A line with a spinner that vanishes when the answer begins. Silent where nobody sees it."""

    def __init__(self, console: Console) -> None:
        self._status = Status("", console=console) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def tell(self, progress: Progress, model: str) -> None:
        if self._status is not None:
            self._status.update(escape(reason(progress, model)))

    def stop(self) -> None:
        if self._status is not None:
            self._status.stop()


def reason(progress: Progress, model: str) -> str:
    """Return why the answer has not begun: what is loaded, or who is asked before."""
    if progress.state == "loading":
        return f"loading {model}"
    place = progress.queue_position
    before = "waiting" if place is None else "next in the queue" if place == 0 else f"{place} before you in the queue"
    if progress.expected_s is None:
        return before
    return f"{before}, {span_in_words(timedelta(seconds=progress.expected_s)).lower()} to go"
