"""Keep what people write apart from control tokens while a template renders it.

Where a text spells a control token, a placeholder goes through the template instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from inference.dialects.thinking import THINK
from inference.types import ChatMessage, Tool, ToolCall

# Private-use characters: no tokenizer has them in a control token, and no template means them.
OPEN, CLOSE = "\ue000", "\ue001"
PLACEHOLDER = re.compile(f"{OPEN}([0-9]+){CLOSE}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyMarks:
    """Strings that the tokenizer turns into one control token, or into a token that somebody added by hand."""

    control: tuple[str, ...]
    user_defined: tuple[str, ...]


def marks_pattern(marks: VocabularyMarks, template: str) -> re.Pattern[str]:
    """Return a pattern for all that must not become a token when a person writes it."""
    # Vendors also add plain words by hand (HTML tags, runs of spaces). Only those that the template uses mark turns.
    usual = (THINK.open, THINK.close)
    turns = (mark for mark in marks.user_defined if mark.strip() and mark in template and mark not in usual)
    texts: Iterable[str] = {*marks.control, *turns, OPEN, CLOSE}
    return re.compile("|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)))


class Literals:
    """The texts of one prompt that placeholders stand for."""

    def __init__(self, marks: re.Pattern[str]) -> None:
        self.texts: list[str] = []
        self._marks = marks

    def protect(self, text: str) -> str:
        return self._marks.sub(self._placeholder, text)

    def protect_message(self, message: ChatMessage) -> ChatMessage:
        return replace(
            message,
            content=self.protect(message.content),
            thinking=self.protect(message.thinking),
            tool_calls=[self._protect_call(call) for call in message.tool_calls],
            tool_name=self.protect(message.tool_name),
            tool_call_id=self.protect(message.tool_call_id),
        )

    def protect_tool(self, tool: Tool) -> Tool:
        return Tool(
            name=self.protect(tool.name),
            description=self.protect(tool.description),
            parameters=self._protect_object(tool.parameters),
        )

    def _protect_call(self, call: ToolCall) -> ToolCall:
        return ToolCall(
            name=self.protect(call.name), arguments=self._protect_object(call.arguments), id=self.protect(call.id)
        )

    def _protect_object(self, values: Mapping[str, object]) -> dict[str, object]:
        return {self.protect(key): self._protect_value(value) for key, value in values.items()}

    def _protect_value(self, value: object) -> object:
        if isinstance(value, str):
            return self.protect(value)
        if isinstance(value, Mapping):
            return self._protect_object(value)
        if isinstance(value, list | tuple):
            return [self._protect_value(item) for item in value]
        return value

    def _placeholder(self, match: re.Match[str]) -> str:
        self.texts.append(match.group())
        return f"{OPEN}{len(self.texts) - 1}{CLOSE}"
