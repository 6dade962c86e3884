"""Turn messages into the tokens a model expects, so that nobody's text can pass for somebody else's turn.

The model's own template renders in a process with limits. Where the text of a message spells a control token
(`<|im_end|>`), a placeholder goes through the template instead, and the tokenizer sees the spelled-out text apart from
the rest, with control tokens switched off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from inference.errors import InvalidRequest
from inference.library.chat_templates import TOOL_USE, knows_tools
from inference.runner.answers import AnswerShape
from inference.runner.literals import PLACEHOLDER, Literals, VocabularyMarks, marks_pattern
from inference.runner.notations import notations_of
from inference.runner.prompts import (
    habits_of,
    jinja_messages,
    jinja_tools,
    simplified,
    spelled_out,
    thinking_variables,
)
from inference.runner.rendering import TemplateFailed, TemplateProcess
from inference.types import ChatMessage, Think, Tool

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""For models that bring no template. Source: llama.cpp falls back to ChatML too (common/chat.cpp)."""

CHATML_STOP = ("<|im_end|>", "<|im_start|>")


class Tokenizer(Protocol):
    """The part of a loaded model that a template needs."""

    bos: int
    eos: int
    adds_bos: bool

    def tokenize(self, text: str, *, parse_special: bool, add_special: bool = False) -> list[int]: ...
    def token_text(self, token: int) -> str: ...
    def marks(self) -> VocabularyMarks: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A prompt as tokens, and how the answer to it is read."""

    tokens: list[int]
    answer: AnswerShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a prompt is made of beside its messages."""

    think: Think | None = None
    tools: Sequence[Tool] = ()


class ChatTemplate:
    """The chat template of one loaded model.

    Args:
        variants: The file's further templates by name; `tool_use` is taken where tools come in.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        source: str | None,
        process: TemplateProcess,
        *,
        variants: Mapping[str, str] | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        marks = tokenizer.marks()
        self._default = Variant(source if source is not None else CHATML, marks, process)
        self._tool_use = Variant(tool_use, marks, process) if (tool_use := (variants or {}).get(TOOL_USE)) else None
        self.stop: tuple[str, ...] = () if source is not None else CHATML_STOP
        """Stop strings that go with the template."""

    @property
    def answer_marks(self) -> frozenset[str]:
        """Control tokens that a reader of the model's answers has to see."""
        variants = filter(None, (self._default, self._tool_use))
        return frozenset().union(*(variant.answer.marks for variant in variants))

    def tokens(
        self, messages: Sequence[ChatMessage], *, think: Think | None = None, tools: Sequence[Tool] = ()
    ) -> Rendered:
        """Render messages.

        Raises:
            InvalidRequest: The model's template is broken, refuses the messages, or knows no tools.
        """
        variant = self._variant(messages, tools)
        literals = Literals(variant.marks)
        wishes = Wishes(think=think, tools=[literals.protect_tool(tool) for tool in tools])
        text = self._render(variant, [literals.protect_message(message) for message in messages], wishes)
        return Rendered(
            tokens=self._with_bos(self._tokenize(text, literals.texts)),
            answer=replace(variant.answer, starts_thinking=variant.opens_thinking(text), tools=tuple(tools)),
        )

    def raw_tokens(self, prompt: str) -> list[int]:
        """Return the tokens of a prompt whose author writes the control tokens."""
        return self._tokenizer.tokenize(prompt, parse_special=True, add_special=True)

    def _variant(self, messages: Sequence[ChatMessage], tools: Sequence[Tool]) -> Variant:
        if self._tool_use is not None and (tools or any(message.tool_calls for message in messages)):
            return self._tool_use
        if tools and not self._default.knows_tools:
            raise InvalidRequest("the model's chat template does not support tools")
        return self._default

    def _render(self, variant: Variant, messages: Sequence[ChatMessage], wishes: Wishes) -> str:
        tokenizer = self._tokenizer
        marks = {"bos_token": tokenizer.token_text(tokenizer.bos), "eos_token": tokenizer.token_text(tokenizer.eos)}
        try:
            return variant.render(messages, wishes, marks)
        except TemplateFailed as exc:
            verb = "refuses these messages" if exc.is_refusal else "cannot be used"
            raise InvalidRequest(f"the model's chat template {verb}: {exc.detail}") from exc

    def _tokenize(self, text: str, literals: Sequence[str]) -> list[int]:
        tokens: list[int] = []
        for index, part in enumerate(PLACEHOLDER.split(text)):
            if index % 2 == 0:
                tokens += self._tokenizer.tokenize(part, parse_special=True) if part else []
            elif int(part) < len(literals):
                tokens += self._literal_tokens(literals[int(part)])
        return tokens

    def _literal_tokens(self, text: str) -> list[int]:
        tokens = self._tokenizer.tokenize(text, parse_special=False)
        if any(self._tokenizer.token_text(token) == text for token in tokens):
            # Tokens that somebody added by hand are found even so; its characters one by one are not.
            tokens = [token for character in text for token in self._tokenizer.tokenize(character, parse_special=False)]
        return tokens

    def _with_bos(self, tokens: list[int]) -> list[int]:
        bos = self._tokenizer.bos
        if not self._tokenizer.adds_bos or tokens[:1] == [bos]:
            return tokens
        return [bos, *tokens]


class Variant:
    """One Jinja template, and what its text tells about the model."""

    def __init__(self, source: str, marks: VocabularyMarks, process: TemplateProcess) -> None:
        self.marks = marks_pattern(marks, source)
        self.knows_tools = knows_tools(source)
        self._source = source
        self._process = process
        self._habits = habits_of(source)
        self.answer = AnswerShape(
            tags=self._habits.tags,
            has_channels="<|channel|>" in source and "<|message|>" in source,
            notations=notations_of(source) if self.knows_tools else (),
        )

    def render(self, messages: Sequence[ChatMessage], wishes: Wishes, marks: Mapping[str, str]) -> str:
        """Return the prompt as text. Raises TemplateFailed."""
        messages = spelled_out(messages, self._habits)
        try:
            return self._render_once(messages, wishes, marks)
        except TemplateFailed as exc:
            simpler = simplified(messages)
            if not exc.is_refusal or not simpler:
                raise
            return self._render_once(simpler, wishes, marks)

    def opens_thinking(self, text: str) -> bool:
        return self._habits.tags is not None and text.rstrip().endswith(self._habits.tags.open)

    def _render_once(self, messages: Sequence[ChatMessage], wishes: Wishes, marks: Mapping[str, str]) -> str:
        last = messages[-1]
        continues = last.role == "assistant" and bool(last.content.strip()) and not last.tool_calls
        text = self._process.render(
            self._source,
            {
                "messages": jinja_messages(messages, self._habits),
                "add_generation_prompt": not continues,
                "tools": jinja_tools(wishes.tools),
                "documents": None,
                **marks,
                **thinking_variables(wishes.think),
            },
        )
        if continues:
            return _cut_after(text, last.content.strip())
        return self._without_thinking(text) if wishes.think is False else text

    def _without_thinking(self, text: str) -> str:
        """End the thinking before it begins, where the template has no word for that."""
        tags = self._habits.tags
        if tags is None:
            return text
        if self.opens_thinking(text):
            return f"{text.rstrip()}\n\n{tags.close}\n\n"
        is_closed = text.rstrip().endswith(tags.close)
        if is_closed or self._habits.has_switch or not tags.open.startswith("<") or "|" in tags.open:
            return text
        return f"{text}{tags.open}\n\n{tags.close}\n\n"


def _cut_after(text: str, content: str) -> str:
    """Leave an answer open that the model shall continue."""
    at = text.rfind(content)
    return text if at < 0 else text[: at + len(content)]
