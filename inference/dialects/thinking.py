"""Split what a model thinks (`<think>…</think>` before the answer) from what it answers. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Split:
    content: str = ""
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class Tags:
    """What stands before and after a model's thinking."""

    open: str
    close: str


THINK = Tags("<think>", "</think>")
KNOWN_TAGS = (
    THINK,
    Tags("<thinking>", "</thinking>"),
    Tags("[THINK]", "[/THINK]"),
    Tags("<seed:think>", "</seed:think>"),
    Tags("<|START_THINKING|>", "<|END_THINKING|>"),
    Tags("<|inner_prefix|>", "<|inner_suffix|>"),
    Tags("<longcat_think>", "</longcat_think>"),
    Tags("<reasoning>", "</reasoning>"),
)
"""The tags that published chat templates use, the commonest first."""


def thinking_tags(template: str) -> Tags | None:
    """Return the tags that a chat template shows its model to think in, or None when it shows none."""
    return next((tags for tags in KNOWN_TAGS if tags.open in template or tags.close in template), None)


class ThinkingSplitter:
    """Takes an answer in pieces and tells thinking and content apart.

    Only a tag at the very beginning opens the thinking: later ones are content, for example code about tags. The
    white space around both tags belongs to neither part.
    """

    def __init__(self, *, tags: Tags = THINK, starts_thinking: bool = False) -> None:
        """Pass `starts_thinking` when the prompt already ends with the opening tag."""
        self._tags = tags
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
        if begun.startswith(self._tags.open):
            self._held = begun[len(self._tags.open) :]
            self._state = "thinking"
        elif not self._tags.open.startswith(begun):
            self._state = "content"

    def _take_thinking(self) -> str:
        if not self._has_thought:
            self._held = self._held.lstrip()
        thought, tag, rest = self._held.partition(self._tags.close)
        if tag:
            self._held = rest
            self._state = "between"
            return thought.rstrip()
        certain = len(thought) - overlap(thought, self._tags.close)
        # White space before the closing tag is dropped, so it waits until something else follows.
        certain = len(thought[:certain].rstrip())
        self._held = thought[certain:]
        self._has_thought = self._has_thought or certain > 0
        return thought[:certain]


def overlap(text: str, tag: str) -> int:
    """Return how many characters at the end of the text could begin the tag."""
    return next((n for n in range(min(len(text), len(tag) - 1), 0, -1) if text.endswith(tag[:n])), 0)
