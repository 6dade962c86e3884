"""Turn messages into the tokens a model expects, so that nobody's text can pass for somebody else's turn.

The model's own template renders in a process with limits. Where the text of a message spells a control token
(`<|im_end|>`), a placeholder goes through the template instead, and the tokenizer sees the spelled-out text apart from
the rest, with control tokens switched off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from inference.errors import InvalidRequest
from inference.library.chat_templates import TOOL_USE, is_jinja
from inference.runner.answers import AnswerShape
from inference.runner.literals import PLACEHOLDER, Literals, VocabularyMarks
from inference.runner.rendering import TemplateFailed, TemplateProcess
from inference.runner.variants import GoVariant, JinjaVariant, Variant, Wishes, opens_thinking
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


class ChatTemplate:
    """The chat template of one loaded model.

    Args:
        source: The file's Jinja template; ChatML takes its place where there is none.
        variants: The file's further templates by name; `tool_use` is taken where tools come in.
        own: A template, Go or Jinja, that is used instead of all of them.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        source: str | None,
        process: TemplateProcess,
        *,
        variants: Mapping[str, str] | None = None,
        own: str = "",
    ) -> None:
        self._tokenizer = tokenizer
        self._process = process
        self._vocabulary_marks = tokenizer.marks()
        self._default = self._own_variant(own) if own else self._jinja(source if source is not None else CHATML)
        tool_use = "" if own else (variants or {}).get(TOOL_USE, "")
        self._tool_use = self._jinja(tool_use) if tool_use else None
        self.stop: tuple[str, ...] = () if source is not None or own else CHATML_STOP
        """Stop strings that go with the template."""

    @property
    def answer_marks(self) -> frozenset[str]:
        """Control tokens that a reader of the model's answers has to see."""
        own = self._tool_use.answer.marks if self._tool_use is not None else frozenset()
        return self._default.answer.marks | own

    def tokens(
        self,
        messages: Sequence[ChatMessage],
        *,
        think: Think | None = None,
        tools: Sequence[Tool] = (),
        own: str = "",
    ) -> Rendered:
        """Render messages, with `own` in the place of the model's own template.

        Raises:
            InvalidRequest: The model's template is broken, refuses the messages, or knows no tools.
        """
        variant = self._variant(messages, tools, own)
        literals = Literals(variant.marks)
        wishes = Wishes(think=think, tools=[literals.protect_tool(tool) for tool in tools], marks=self._edge_marks())
        with _as_invalid_requests():
            text = variant.render([literals.protect_message(message) for message in messages], wishes)
        starts_thinking = opens_thinking(text, variant.answer.tags)
        return Rendered(
            tokens=self._with_bos(self._tokenize(text, literals.texts)),
            answer=replace(variant.answer, starts_thinking=starts_thinking, tools=tuple(tools)),
        )

    def gap_tokens(self, before: str, after: str, *, own: str = "") -> list[int] | None:
        """Return the prompt that asks for what stands between two texts; None when the template has no word for that.

        Raises InvalidRequest when the template is broken.
        """
        variant = self._own_variant(own) if own else self._default
        literals = Literals(variant.marks)
        with _as_invalid_requests():
            text = variant.render_gap(literals.protect(before), literals.protect(after))
        return self._with_bos(self._tokenize(text, literals.texts)) if text is not None else None

    def raw_tokens(self, prompt: str) -> list[int]:
        """Return the tokens of a prompt whose author writes the control tokens."""
        return self._tokenizer.tokenize(prompt, parse_special=True, add_special=True)

    def _variant(self, messages: Sequence[ChatMessage], tools: Sequence[Tool], own: str) -> Variant:
        variant = self._own_variant(own) if own else self._default
        if self._tool_use is not None and not own and (tools or any(message.tool_calls for message in messages)):
            variant = self._tool_use
        if tools and not variant.knows_tools:
            raise InvalidRequest("the model's chat template does not support tools")
        return variant

    def _jinja(self, source: str) -> JinjaVariant:
        return JinjaVariant(source, self._vocabulary_marks, self._process)

    def _own_variant(self, source: str) -> Variant:
        return self._jinja(source) if is_jinja(source) else GoVariant(source, self._vocabulary_marks, self._process)

    def _edge_marks(self) -> Mapping[str, str]:
        tokenizer = self._tokenizer
        return {"bos_token": tokenizer.token_text(tokenizer.bos), "eos_token": tokenizer.token_text(tokenizer.eos)}

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


@contextmanager
def _as_invalid_requests() -> Iterator[None]:
    try:
        yield
    except TemplateFailed as exc:
        verb = "refuses these messages" if exc.is_refusal else "cannot be used"
        raise InvalidRequest(f"the model's chat template {verb}: {exc.detail}") from exc
