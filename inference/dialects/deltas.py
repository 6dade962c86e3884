"""Gathers the small deltas of one read into one. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from inference.dialects.thinking import ThinkingSplitter
from inference.types import Delta, ToolCall


class DeltaGatherer:
    """Adds up text, thinking and calls until `take`; finds thinking that a server left inside the text."""

    def __init__(self) -> None:
        self._splitter = ThinkingSplitter()
        self._content: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[ToolCall] = []
        self.has_calls = False

    def add(self, content: str, thinking: str = "") -> None:
        if thinking:
            self._thinking.append(thinking)
        if content:
            split = self._splitter.feed(content)
            self._content.append(split.content)
            self._thinking.append(split.thinking)

    def add_calls(self, calls: Iterable[ToolCall]) -> None:
        self._calls += calls
        self.has_calls = self.has_calls or bool(self._calls)

    def finish(self) -> None:
        """Give up what was held back as the possible beginning of a tag."""
        split = self._splitter.finish()
        self._content.append(split.content)
        self._thinking.append(split.thinking)

    def take(self) -> list[Delta]:
        """Return one delta with all that came since the last call, or none."""
        delta = Delta(content="".join(self._content), thinking="".join(self._thinking), tool_calls=tuple(self._calls))
        self._content.clear()
        self._thinking.clear()
        self._calls.clear()
        return [delta] if delta.content or delta.thinking or delta.tool_calls else []
