"""Gathers the small deltas of one read into one. No I/O."""

from __future__ import annotations

from inference.dialects.thinking import ThinkingSplitter
from inference.types import Delta


class DeltaGatherer:
    """Adds up text and thinking until `take`; finds thinking that a server left inside the text."""

    def __init__(self) -> None:
        self._splitter = ThinkingSplitter()
        self._content: list[str] = []
        self._thinking: list[str] = []

    def add(self, content: str, thinking: str = "") -> None:
        if thinking:
            self._thinking.append(thinking)
        if content:
            split = self._splitter.feed(content)
            self._content.append(split.content)
            self._thinking.append(split.thinking)

    def finish(self) -> None:
        """Give up what was held back as the possible beginning of a tag."""
        split = self._splitter.finish()
        self._content.append(split.content)
        self._thinking.append(split.thinking)

    def take(self) -> list[Delta]:
        """Return one delta with all that came since the last call, or none."""
        delta = Delta(content="".join(self._content), thinking="".join(self._thinking))
        self._content.clear()
        self._thinking.clear()
        return [delta] if delta.content or delta.thinking else []
