"""What a chat at the terminal consists of: the messages so far, and all that holds for the next question. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from inference.terminal.parameters import Parameter
from inference.types import ChatMessage, ChatRequest, ModelCard, Options, ResponseFormat, Think


@dataclass(slots=True, kw_only=True)
class Chat:
    """One chat with one model at a time. The server keeps nothing of it.

    Attributes:
        system: Replaces the model's own system message; empty leaves that.
        think: None lets models think that can.
    """

    model: str
    card: ModelCard
    system: str = ""
    options: dict[str, Parameter] = field(default_factory=dict)
    format: ResponseFormat | None = None
    think: Think | None = None
    keep_alive_s: float | None = None
    messages: list[ChatMessage] = field(default_factory=list)

    @property
    def can_see(self) -> bool:
        return "vision" in self.card.capabilities

    @property
    def can_think(self) -> bool:
        return "thinking" in self.card.capabilities

    @property
    def only_embeds(self) -> bool:
        return "embedding" in self.card.capabilities and "completion" not in self.card.capabilities

    def loading(self) -> ChatRequest:
        """Return the request that asks nothing: the model is only to be loaded."""
        return ChatRequest(model=self.model, messages=(), options=self._options(), keep_alive_s=self.keep_alive_s)

    def asking(self, question: ChatMessage) -> ChatRequest:
        """Return the request for the next answer: all of the chat, and the question."""
        think = True if self.think is None and self.can_think else self.think
        asked = [*self.messages, question]
        return replace(self.loading(), messages=self._opening(asked), think=think, format=self.format)

    def keep(self, question: ChatMessage, content: str, thinking: str) -> None:
        """Add a question and what was answered. Without any answer the question is forgotten: templates want turns."""
        if content or thinking:
            self.messages += [question, ChatMessage(role="assistant", content=content, thinking=thinking)]

    def as_model(self, name: str) -> dict[str, object]:
        """Return the body of `/api/create` that makes a model of this chat: what was set, and what was said."""
        body: dict[str, object] = {"model": name, "from": self.model}
        if self.system:
            body["system"] = self.system
        if self.options:
            body["parameters"] = dict(self.options)
        if self.messages:
            body["messages"] = [{"role": message.role, "content": message.content} for message in self.messages]
        return body

    def clear(self) -> None:
        """Forget what was said; what was set stays."""
        self.messages.clear()

    def change_model(self, model: str, card: ModelCard) -> None:
        """Begin anew with another model. Whether it thinks is left to that model."""
        self.model, self.card, self.think = model, card, None
        self.clear()

    def _opening(self, messages: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
        return [ChatMessage(role="system", content=self.system), *messages] if self.system else messages

    def _options(self) -> Options:
        return cast(Options, dict(self.options))
