"""Read what a model writes: its thinking, its answer, and the calls of tools it asks for. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from inference.dialects.thinking import THINK, Tags, ThinkingSplitter, overlap
from inference.runner.call_cursor import NotACall
from inference.runner.notations import Notation, Spelling, marks_of
from inference.runner.tool_calls import MAX_CALL_CHARACTERS, ToolCallReader, make_id
from inference.runner.types import TextDelta
from inference.runner.written_calls import arguments_of
from inference.types import Tool, ToolCall

MAX_HEADER_CHARACTERS = 400
"""Of a message's header, only so much of its end is kept."""


class AnswerReader(Protocol):
    def feed(self, text: str) -> TextDelta:
        """Return what is certain now."""
        ...

    def finish(self) -> TextDelta:
        """Return what was held back, once no more text will come."""
        ...


CHANNEL_CALL = Spelling(" to=functions.", "<|channel|>commentary <|constrain|>json<|message|>", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerShape:
    """How the answers of a model are to be read.

    Attributes:
        is_raw: All of it is the answer.
        tags: What stands around the thinking.
        starts_thinking: The prompt ends with the opening one.
        has_channels: The answer comes as messages with a channel each.
        notations: How the model writes calls of `tools`; without tools nothing is a call.
    """

    is_raw: bool = False
    tags: Tags | None = THINK
    starts_thinking: bool = False
    has_channels: bool = False
    notations: Sequence[Notation] = ()
    tools: Sequence[Tool] = ()

    @property
    def marks(self) -> frozenset[str]:
        """Strings that have to be seen in the answer, also where they are control tokens."""
        tags = {self.tags.open, self.tags.close} if self.tags is not None else set()
        channels = set(ChannelReader.MARKS) if self.has_channels else set()
        return frozenset(tags | channels | marks_of(self.notations))

    @property
    def call_spelling(self) -> Spelling | None:
        """How the model writes one call; None when it writes none."""
        if self.has_channels:
            return CHANNEL_CALL
        return next((notation.spelling for notation in self.notations if notation.spelling is not None), None)

    def reader(self) -> AnswerReader:
        if self.is_raw:
            return PlainReader()
        if self.has_channels:
            return ChannelReader()
        calls = ToolCallReader(self.notations, self.tools) if self.tools and self.notations else None
        return TaggedReader(tags=self.tags, starts_thinking=self.starts_thinking, calls=calls)


class PlainReader:
    """Takes everything as the answer, as for raw prompts."""

    def feed(self, text: str) -> TextDelta:
        return TextDelta(content=text)

    def finish(self) -> TextDelta:
        return TextDelta()


class TaggedReader:
    """Reads thinking between tags, then text with calls in it."""

    def __init__(
        self, *, tags: Tags | None = THINK, starts_thinking: bool = False, calls: ToolCallReader | None = None
    ) -> None:
        self._splitter = ThinkingSplitter(tags=tags or THINK, starts_thinking=starts_thinking)
        self._calls = calls

    def feed(self, text: str) -> TextDelta:
        split = self._splitter.feed(text)
        if self._calls is None:
            return TextDelta(content=split.content, thinking=split.thinking)
        found = self._calls.feed(split.content)
        return TextDelta(content=found.content, thinking=split.thinking, tool_calls=found.calls)

    def finish(self) -> TextDelta:
        split = self._splitter.finish()
        if self._calls is None:
            return TextDelta(content=split.content, thinking=split.thinking)
        return joined(
            [
                TextDelta(thinking=split.thinking),
                *(
                    TextDelta(content=found.content, tool_calls=found.calls)
                    for found in (self._calls.feed(split.content), self._calls.finish())
                ),
            ]
        )


class ChannelReader:
    """Reads answers that come as messages with a channel each, as gpt-oss writes them.

    `<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…`; a message to
    `functions.name` is a call.
    Source: https://cookbook.openai.com/articles/openai-harmony
    """

    MARKS = ("<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|call|>", "<|return|>")
    _RECIPIENT = re.compile(r"to=functions\.([\w.-]+)")

    def __init__(self) -> None:
        self._held = ""
        self._header: str | None = None
        """What was read of a message's header; None inside of its text."""
        self._is_first = True
        self._channel = "final"
        self._recipient = ""
        self._arguments = ""

    def feed(self, text: str) -> TextDelta:
        self._held += text
        if self._is_first and not self._begin():
            return TextDelta()
        parts: list[TextDelta] = []
        while (mark := self._next_mark()) is not None:
            at, found = mark
            parts.append(self._take(self._held[:at]))
            self._held = self._held[at + len(found) :]
            parts.append(self._pass(found))
        certain = len(self._held) - max(overlap(self._held, mark) for mark in self.MARKS)
        parts.append(self._take(self._held[:certain]))
        self._held = self._held[certain:]
        return joined(parts)

    def _begin(self) -> bool:
        """Tell whether the answer goes on with the header that its prompt ends in; False while that is open."""
        begun = self._held.lstrip()
        if "to=".startswith(begun[:3]) and len(begun) < 3:
            return False
        self._is_first = False
        self._header = "" if begun.startswith("to=") else None
        return True

    def finish(self) -> TextDelta:
        rest, self._held = self._held, ""
        return joined([self._take(rest), self._close()])

    def _next_mark(self) -> tuple[int, str] | None:
        found = [(at, mark) for mark in self.MARKS if (at := self._held.find(mark)) >= 0]
        return min(found) if found else None

    def _take(self, text: str) -> TextDelta:
        if self._header is not None:
            self._header = (self._header + text)[-MAX_HEADER_CHARACTERS:]
            return TextDelta()
        if self._recipient:
            self._arguments += text
            return self._close() if len(self._arguments) > MAX_CALL_CHARACTERS else TextDelta()
        return TextDelta(thinking=text) if self._channel == "analysis" else TextDelta(content=text)

    def _pass(self, mark: str) -> TextDelta:
        if mark == "<|message|>":
            header, self._header = self._header or "", None
            recipient = self._RECIPIENT.search(header)
            self._recipient = recipient[1] if recipient is not None else ""
            self._channel = "analysis" if "analysis" in header and not self._recipient else "final"
            return TextDelta()
        if mark == "<|channel|>" or mark == "<|constrain|>":
            # Both stand inside a header; the first one may also begin it.
            closed = self._close()
            self._header = (self._header or "") + mark
            return closed
        closed = self._close()
        self._header = "" if mark == "<|start|>" else None
        self._channel = "final"
        return closed

    def _close(self) -> TextDelta:
        """End a message: what was written to a tool is a call now, or text when it is no JSON object."""
        name, written = self._recipient, self._arguments
        self._recipient = self._arguments = ""
        if not name:
            return TextDelta()
        try:
            return TextDelta(tool_calls=[ToolCall(name=name, arguments=arguments_of(written), id=make_id())])
        except NotACall:
            return TextDelta(content=written)


def joined(parts: Sequence[TextDelta]) -> TextDelta:
    return TextDelta(
        content="".join(part.content for part in parts),
        thinking="".join(part.thinking for part in parts),
        tool_calls=[call for part in parts for call in part.tool_calls],
        logprobs=[probability for part in parts for probability in part.logprobs],
    )
