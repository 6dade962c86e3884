"""Split what a model thinks (`<think>…</think>` before the answer) from what it answers. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OPEN = "<think>"
CLOSE = "</think>"


@dataclass(frozen=True, slots=True)
class Split:
    content: str = ""
    thinking: str = ""


class ThinkingSplitter:
    """Takes an answer in pieces and tells thinking and content apart.

    Only a `<think>` at the very beginning opens the thinking: later ones are content, for example code about tags. The
    white space around both tags belongs to neither part.
    """

    def __init__(self, *, starts_thinking: bool = False) -> None:
        """Pass `starts_thinking` when the prompt already ends with the opening tag."""
        self._state: Literal["start", "thinking", "between", "content"] = "thinking" if starts_thinking else "start"
        self._held = ""
        self._has_thought = False

    def feed(self, text: str) -> Split:
        """Return the parts that are certain now."""
        self._held += text
        thinking = content = ""
        if self._state == "start":
            self._look_for_opening()
        if self._state == "thinking":
            thinking = self._take_thinking()
        if self._state == "between":
            self._held = self._held.lstrip()
            if self._held:
                self._state = "content"
        if self._state == "content":
            content, self._held = self._held, ""
        return Split(content, thinking)

    def finish(self) -> Split:
        """Return what was held back, once no more text will come."""
        held, self._held = self._held, ""
        if self._state == "thinking":
            return Split(thinking=held.rstrip() if self._has_thought else held.strip())
        return Split(content=held if self._state == "start" else "")

    def _look_for_opening(self) -> None:
        begun = self._held.lstrip()
        if begun.startswith(OPEN):
            self._held = begun[len(OPEN) :]
            self._state = "thinking"
        elif not OPEN.startswith(begun):
            self._state = "content"

    def _take_thinking(self) -> str:
        if not self._has_thought:
            self._held = self._held.lstrip()
        thought, tag, rest = self._held.partition(CLOSE)
        if tag:
            self._held = rest
            self._state = "between"
            return thought.rstrip()
        certain = len(thought) - _overlap(thought, CLOSE)
        # White space before the closing tag is dropped, so it waits until something else follows.
        certain = len(thought[:certain].rstrip())
        self._held = thought[certain:]
        self._has_thought = self._has_thought or certain > 0
        return thought[:certain]


def _overlap(text: str, tag: str) -> int:
    """Return how many characters at the end of the text could begin the tag."""
    return next((n for n in range(min(len(text), len(tag) - 1), 0, -1) if text.endswith(tag[:n])), 0)
