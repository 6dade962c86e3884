"""One chat template of a model, Jinja or Go, and what its text tells about the model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from inference.dialects.thinking import Tags, thinking_tags
from inference.dialects.tool_calls import tool_body, with_ids
from inference.library.chat_templates import fills_gaps, knows_tools
from inference.runner.answers import AnswerShape
from inference.runner.literals import VocabularyMarks, marks_pattern
from inference.runner.notations import notations_of
from inference.runner.prompts import (
    habits_of,
    jinja_call,
    jinja_messages,
    jinja_tools,
    simplified,
    spelled_out,
    thinking_variables,
)
from inference.runner.rendering import TemplateFailed, TemplateProcess
from inference.types import ChatMessage, Think, Tool

_GO_SWITCH = re.compile(r"\.(Think|ThinkLevel|IsThinkSet)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a prompt is made of beside its messages. `marks` are the texts of the tokens that begin and end it."""

    think: Think | None = None
    tools: Sequence[Tool] = ()
    marks: Mapping[str, str]


class Variant(Protocol):
    """A chat template, ready to render.

    Attributes:
        marks: All that must not become a token when a person writes it.
        answer: How the answers are read.
    """

    marks: re.Pattern[str]
    answer: AnswerShape
    knows_tools: bool

    def render(self, messages: Sequence[ChatMessage], wishes: Wishes) -> str:
        """Return the prompt as text. Raises TemplateFailed."""
        ...

    def render_gap(self, before: str, after: str) -> str | None:
        """Return the prompt that asks for what stands between two texts; None when the template has no word for that.

        Raises TemplateFailed.
        """
        ...


class JinjaVariant:
    """A Jinja template, as Transformers renders it."""

    def __init__(self, source: str, marks: VocabularyMarks, process: TemplateProcess) -> None:
        self.marks = marks_pattern(marks, source)
        self.answer = answer_shape(source)
        self.knows_tools = knows_tools(source)
        self._source = source
        self._process = process
        self._habits = habits_of(source)

    def render(self, messages: Sequence[ChatMessage], wishes: Wishes) -> str:
        messages = spelled_out(
            messages, shows_calls=self._habits.shows_calls, knows_tool_role=self._habits.knows_tool_role
        )
        try:
            return self._render_once(messages, wishes)
        except TemplateFailed as exc:
            simpler = simplified(messages)
            if not exc.is_refusal or not simpler:
                raise
            return self._render_once(simpler, wishes)

    def render_gap(self, before: str, after: str) -> str | None:
        return None

    def _render_once(self, messages: Sequence[ChatMessage], wishes: Wishes) -> str:
        last = messages[-1]
        continues = last.role == "assistant" and bool(last.content.strip()) and not last.tool_calls
        variables = {
            "messages": jinja_messages(messages, self._habits),
            "add_generation_prompt": not continues,
            "tools": jinja_tools(wishes.tools),
            "documents": None,
            **wishes.marks,
            **thinking_variables(wishes.think),
        }
        text = self._process.render(self._source, variables)
        if continues:
            return _cut_after(text, last.content.strip())
        return without_thinking(text, self.answer.tags, self._habits.has_switch) if wishes.think is False else text


class GoVariant:
    """A Go template, as Ollama renders it. What it does with an unfinished answer is its own affair."""

    def __init__(self, source: str, marks: VocabularyMarks, process: TemplateProcess) -> None:
        self.marks = marks_pattern(marks, source)
        self.answer = answer_shape(source)
        self.knows_tools = knows_tools(source)
        self._source = source
        self._process = process
        self._shows_calls = ".ToolCalls" in source
        self._knows_tool_role = self._shows_calls or '"tool"' in source
        self._has_switch = _GO_SWITCH.search(source) is not None
        self._fills_gaps = fills_gaps(source)

    def render(self, messages: Sequence[ChatMessage], wishes: Wishes) -> str:
        messages = spelled_out(messages, shows_calls=self._shows_calls, knows_tool_role=self._knows_tool_role)
        text = self._process.render(self._source, _go_values(with_ids(messages), wishes), language="go")
        if wishes.think is not False or messages[-1].role == "assistant":
            return text
        return without_thinking(text, self.answer.tags, self._has_switch)

    def render_gap(self, before: str, after: str) -> str | None:
        if not self._fills_gaps:
            return None
        values = _go_values([ChatMessage(role="user", content=before)], Wishes(marks={})) | {"suffix": after}
        return self._process.render(self._source, values, language="go")


def answer_shape(source: str) -> AnswerShape:
    return AnswerShape(
        tags=thinking_tags(source),
        has_channels="<|channel|>" in source and "<|message|>" in source,
        notations=notations_of(source) if knows_tools(source) else (),
    )


def opens_thinking(text: str, tags: Tags | None) -> bool:
    return tags is not None and text.rstrip().endswith(tags.open)


def without_thinking(text: str, tags: Tags | None, has_switch: bool) -> str:
    """End the thinking before it begins, where the template has no word for that."""
    if tags is None:
        return text
    if opens_thinking(text, tags):
        return f"{text.rstrip()}\n\n{tags.close}\n\n"
    is_closed = text.rstrip().endswith(tags.close)
    if is_closed or has_switch or not tags.open.startswith("<") or "|" in tags.open:
        return text
    return f"{text}{tags.open}\n\n{tags.close}\n\n"


def _cut_after(text: str, content: str) -> str:
    """Leave an answer open that the model shall continue."""
    at = text.rfind(content)
    return text if at < 0 else text[: at + len(content)]


def _go_values(messages: Sequence[ChatMessage], wishes: Wishes) -> dict[str, object]:
    return {
        "messages": [_go_message(message) for message in messages],
        "tools": [tool_body(tool) for tool in wishes.tools],
        "think": bool(wishes.think),
        "think_level": wishes.think if isinstance(wishes.think, str) else "",
        "is_think_set": wishes.think is not None,
    }


def _go_message(message: ChatMessage) -> dict[str, object]:
    return {
        "role": message.role,
        "content": message.content,
        "thinking": message.thinking,
        "n_images": len(message.images),
        "tool_calls": [jinja_call(call) for call in message.tool_calls],
        "tool_name": message.tool_name,
        "tool_call_id": message.tool_call_id,
    }
