"""The answers of `/v1/completions`, the older route that continues one prompt."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from inference.errors import InferenceError
from inference.runner.types import TextDelta, TokenProbability
from inference.server.answers import Answered, AnswerEvent
from inference.server.gathering import Gathered
from inference.server.openai.bodies import Asked
from inference.server.openai.chat import DONE, FINGERPRINT
from inference.server.openai.errors import openai_body
from inference.server.openai.shapes import finish_reason, new_id, usage
from inference.server.sse import sse


def whole_completion(asked: Asked, answer: Gathered) -> dict[str, Any]:
    reason = finish_reason(answer.answered, has_calls=False)
    choice = _choice(asked, answer.content, answer.logprobs, 0, reason)
    return _frame(asked, new_id("cmpl-"), int(time.time())) | {"choices": [choice], "usage": usage(answer.answered)}


class CompletionStream:
    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._id = new_id("cmpl-")
        self._created = int(time.time())
        self._n_characters = 0

    def feed(self, event: AnswerEvent) -> bytes:
        if isinstance(event, TextDelta):
            return self._piece(event) if event.content or event.logprobs else b""
        return self._end(event) if isinstance(event, Answered) else b""

    def fail(self, error: InferenceError) -> bytes:
        return sse(openai_body(error)) + DONE

    def _piece(self, delta: TextDelta) -> bytes:
        choice = _choice(self._asked, delta.content, delta.logprobs, self._n_characters, None)
        self._n_characters += len(delta.content)
        return self._chunk(choice)

    def _end(self, answered: Answered) -> bytes:
        reason = finish_reason(answered, has_calls=False)
        last = self._chunk(_choice(self._asked, "", (), self._n_characters, reason))
        if self._asked.tells_usage:
            frame = _frame(self._asked, self._id, self._created)
            last += sse(frame | {"choices": [], "usage": usage(answered)})
        return last + DONE

    def _chunk(self, choice: dict[str, Any]) -> bytes:
        chunk = _frame(self._asked, self._id, self._created) | {"choices": [choice]}
        return sse(chunk | {"usage": None} if self._asked.tells_usage else chunk)


def _frame(asked: Asked, answer_id: str, created: int) -> dict[str, Any]:
    return {
        "id": answer_id,
        "object": "text_completion",
        "created": created,
        "model": asked.answer.model,
        "system_fingerprint": FINGERPRINT,
    }


def _choice(
    asked: Asked, text: str, tokens: Sequence[TokenProbability], offset: int, reason: str | None
) -> dict[str, Any]:
    told = None if asked.answer.top_logprobs is None else _logprobs(tokens, offset)
    return {"index": 0, "text": text, "logprobs": told, "finish_reason": reason}


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
