"""The answers of `/v1/completions`, the older route that continues one prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from inference.runner.types import TextDelta, TokenProbability
from inference.server.answers import Answered
from inference.server.gathering import Gathered
from inference.server.openai.bodies import Asked
from inference.server.openai.choices import ChoiceBody, ChoicesStream, frame
from inference.server.openai.shapes import finish_reason, usage

FRAME = ("text_completion", "cmpl-")


def whole_completion(asked: Asked, answers: Sequence[Gathered]) -> dict[str, Any]:
    choices = []
    for index, answer in enumerate(answers):
        reason = finish_reason(answer.answered, has_calls=False)
        choices.append(_choice(asked, index, answer.content, answer.logprobs, 0, reason))
    return frame(asked, *FRAME) | {"choices": choices, "usage": usage([answer.answered for answer in answers])}


class CompletionStream(ChoicesStream):
    def __init__(self, asked: Asked) -> None:
        super().__init__(asked, frame(asked, *FRAME), _CompletionChoice)


class _CompletionChoice:
    def __init__(self, asked: Asked, index: int) -> None:
        self._asked = asked
        self._index = index
        self._n_characters = 0

    def feed(self, event: TextDelta | Answered) -> Iterator[ChoiceBody]:
        if isinstance(event, Answered):
            reason = finish_reason(event, has_calls=False)
            yield _choice(self._asked, self._index, "", (), self._n_characters, reason)
        elif event.content or event.logprobs:
            yield _choice(self._asked, self._index, event.content, event.logprobs, self._n_characters, None)
            self._n_characters += len(event.content)


def _choice(
    asked: Asked, index: int, text: str, tokens: Sequence[TokenProbability], offset: int, reason: str | None
) -> ChoiceBody:
    told = None if asked.answer.top_logprobs is None else _logprobs(tokens, offset)
    return {"index": index, "text": text, "logprobs": told, "finish_reason": reason}


def _logprobs(tokens: Sequence[TokenProbability], offset: int) -> dict[str, Any]:
    """Return the older shape: one list for each fact. Args: offset: characters before these tokens."""
    pieces = [_text(token) for token in tokens]
    offsets = []
    for piece in pieces:
        offsets.append(offset)
        offset += len(piece)
    return {
        "tokens": pieces,
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [{_text(other): other.logprob for other in token.top} for token in tokens],
        "text_offset": offsets,
    }


def _text(token: TokenProbability) -> str:
    return token.piece.decode("utf-8", "replace")
