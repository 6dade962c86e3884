"""Turn messages into the tokens a model expects, so that nobody's text can pass for somebody else's turn.

The model's own template renders in a process with limits. Where the text of a message spells a control token
(`<|im_end|>`), a placeholder goes through the template instead, and the tokenizer sees the spelled-out text apart from
the rest, with control tokens switched off.
"""

from __future__ import annotations

import re
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import orjson

from inference.errors import InvalidRequest
from inference.runner.environment import child_environment
from inference.runner.protocol import FrameDecoder, encode_frame
from inference.runner.template_process import RenderCommand, RenderReply
from inference.types import ChatMessage

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""For models that bring no template. Source: llama.cpp falls back to ChatML too (common/chat.cpp)."""

CHATML_STOP = ("<|im_end|>", "<|im_start|>")

RENDER_TIMEOUT_S = 5.0
START_TIMEOUT_S = 30.0

# Private-use characters: no tokenizer has them in a control token, and no template means them.
OPEN, CLOSE = "\ue000", "\ue001"
PLACEHOLDER = re.compile(f"{OPEN}([0-9]+){CLOSE}")

THINKING_TAGS = ("<think>", "</think>")


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyMarks:
    """Strings that the tokenizer turns into one control token, or into a token that somebody added by hand."""

    control: tuple[str, ...]
    user_defined: tuple[str, ...]


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
    """A prompt as tokens.

    Attributes:
        starts_thinking: The prompt ends with the opening tag of the model's thinking.
    """

    tokens: list[int]
    starts_thinking: bool


class TemplateFailed(Exception):
    """The template could not be rendered.

    Attributes:
        is_refusal: The template itself refused the messages, for example a system message.
    """

    def __init__(self, detail: str, *, is_refusal: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.is_refusal = is_refusal


class TemplateProcess:
    """Renders templates in a child process that is killed when it takes too long, and started again for the next."""

    def __init__(self, timeout_s: float = RENDER_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._is_warm = False

    def start(self) -> None:
        """Start the process without waiting for it, so that the first render finds it ready."""
        self._process = self._started()

    def render(self, template: str, variables: dict[str, object]) -> str:
        """Return the rendered text. Raises TemplateFailed."""
        try:
            reply = self._ask(self._running(), RenderCommand(template=template, variables=variables))
        except (OSError, TimeoutError, EOFError) as exc:
            self.close()
            detail = "it takes too long" if isinstance(exc, TimeoutError) else "it uses too much time or memory"
            raise TemplateFailed(detail) from exc
        if reply["outcome"] == "text":
            return reply["text"]
        raise TemplateFailed(reply["text"], is_refusal=reply["outcome"] == "refused")

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _started(self) -> subprocess.Popen[bytes]:
        self._is_warm = False
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "inference.runner.template_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(),
        )

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = self._started()
        return self._process

    def _ask(self, process: subprocess.Popen[bytes], command: RenderCommand) -> RenderReply:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process was started without pipes")
        process.stdin.write(encode_frame(command))
        process.stdin.flush()
        # The first answer also waits for the interpreter to start.
        deadline = time.monotonic() + self._timeout_s + (0 if self._is_warm else START_TIMEOUT_S)
        decoder = FrameDecoder()
        while True:
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            data = process.stdout.read1(1 << 20)  # type: ignore[attr-defined]
            if not data:
                raise EOFError
            for frame in decoder.feed(data):
                self._is_warm = True
                reply: RenderReply = orjson.loads(frame.json)
                return reply


class ChatTemplate:
    """The chat template of one loaded model."""

    def __init__(self, tokenizer: Tokenizer, source: str | None, process: TemplateProcess) -> None:
        self._tokenizer = tokenizer
        self._process = process
        self._source = source if source is not None else CHATML
        self.stop: tuple[str, ...] = () if source is not None else CHATML_STOP
        """Stop strings that go with the template."""
        self._marks = _marks_pattern(tokenizer.marks(), self._source)

    def tokens(self, messages: Sequence[ChatMessage], *, think: bool | None = None) -> Rendered:
        """Render messages. Raises InvalidRequest when the model's template is broken or refuses them."""
        literals: list[str] = []
        protected = [self._protect(message, literals) for message in messages]
        text = self._render(protected, think)
        return Rendered(
            tokens=self._with_bos(self._tokenize(text, literals)),
            starts_thinking=text.rstrip().endswith(THINKING_TAGS[0]),
        )

    def raw_tokens(self, prompt: str) -> list[int]:
        """Return the tokens of a prompt whose author writes the control tokens."""
        return self._tokenizer.tokenize(prompt, parse_special=True, add_special=True)

    def _protect(self, message: ChatMessage, literals: list[str]) -> ChatMessage:
        def placeholder(match: re.Match[str]) -> str:
            literals.append(match.group())
            return f"{OPEN}{len(literals) - 1}{CLOSE}"

        return replace(message, content=self._marks.sub(placeholder, message.content))

    def _render(self, messages: Sequence[ChatMessage], think: bool | None) -> str:
        try:
            try:
                return self._render_once(messages, think)
            except TemplateFailed as exc:
                simpler = simplified(messages)
                if not exc.is_refusal or not simpler:
                    raise
                return self._render_once(simpler, think)
        except TemplateFailed as exc:
            verb = "refuses these messages" if exc.is_refusal else "cannot be used"
            raise InvalidRequest(f"the model's chat template {verb}: {exc.detail}") from exc

    def _render_once(self, messages: Sequence[ChatMessage], think: bool | None) -> str:
        continues = messages[-1].role == "assistant" and bool(messages[-1].content.strip())
        variables: dict[str, object] = {
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "add_generation_prompt": not continues,
            "bos_token": self._tokenizer.token_text(self._tokenizer.bos),
            "eos_token": self._tokenizer.token_text(self._tokenizer.eos),
            "tools": None,
            "documents": None,
        }
        if think is not None:
            variables["enable_thinking"] = think
        text = self._process.render(self._source, variables)
        return _cut_after(text, messages[-1].content.strip()) if continues else text

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


def simplified(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return messages that strict templates take: no system message, and no two of one role in a row.

    Nothing is left of a lone system message without text.
    """
    system = "\n\n".join(message.content for message in messages if message.role == "system")
    merged: list[ChatMessage] = []
    for message in [ChatMessage(role="user", content=system)] * bool(system) + [
        message for message in messages if message.role != "system"
    ]:
        if merged and merged[-1].role == message.role:
            merged[-1] = replace(message, content=f"{merged[-1].content}\n\n{message.content}")
        else:
            merged.append(message)
    return merged


def _cut_after(text: str, content: str) -> str:
    """Leave an answer open that the model shall continue."""
    at = text.rfind(content)
    return text if at < 0 else text[: at + len(content)]


def _marks_pattern(marks: VocabularyMarks, template: str) -> re.Pattern[str]:
    """Return a pattern for all that must not become a token when a person writes it."""
    # Vendors also add plain words by hand (HTML tags, runs of spaces). Only those that the template uses mark turns.
    turns = (mark for mark in marks.user_defined if mark.strip() and mark in template and mark not in THINKING_TAGS)
    texts: Iterable[str] = {*marks.control, *turns, OPEN, CLOSE}
    return re.compile("|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)))
