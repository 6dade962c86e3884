"""What the streams of chats and of completions have in common: chunks of choices, the counts, and `[DONE]`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from inference.errors import InferenceError
from inference.runner.types import TextDelta
from inference.server.answers import Answered
from inference.server.openai.bodies import Asked
from inference.server.openai.errors import openai_body
from inference.server.openai.shapes import new_id, usage
from inference.server.several import Numbered
from inference.server.sse import sse

DONE = b"data: [DONE]\n\n"
FINGERPRINT = "fp_hearth"

ChoiceBody = Mapping[str, Any]


class Choice(Protocol):
    """Writes one of the answers to a request."""

    def feed(self, event: TextDelta | Answered) -> Iterable[ChoiceBody]:
        """Return what is told of this choice, each in a chunk of its own."""
        ...


def frame(asked: Asked, kind: str, prefix: str) -> dict[str, Any]:
    """Return what an answer and each chunk of it begin with."""
    return {
        "id": new_id(prefix),
        "object": kind,
        "created": int(time.time()),
        "model": asked.answer.model,
        "system_fingerprint": FINGERPRINT,
    }


class ChoicesStream:
    """Writes the choices as they grow, why each ended, the counts of all if asked for, and `[DONE]`."""

    def __init__(self, asked: Asked, frame: Mapping[str, Any], make: Callable[[Asked, int], Choice]) -> None:
        self._asked = asked
        self._frame = frame
        self._choices = [make(asked, index) for index in range(asked.n)]
        self._answered: dict[int, Answered] = {}

    def feed(self, event: Numbered) -> bytes:
        index, told = event
        if not isinstance(told, TextDelta | Answered):
            return b""
        written = b"".join(map(self._chunk, self._choices[index].feed(told)))
        if isinstance(told, Answered):
            self._answered[index] = told
        return written + self._end() if len(self._answered) == self._asked.n else written

    def fail(self, error: InferenceError) -> bytes:
        return sse(openai_body(error)) + DONE

    def _end(self) -> bytes:
        if not self._asked.tells_usage:
            return DONE
        answered = [self._answered[index] for index in sorted(self._answered)]
        return sse({**self._frame, "choices": [], "usage": usage(answered)}) + DONE

    def _chunk(self, choice: ChoiceBody) -> bytes:
        chunk = {**self._frame, "choices": [choice]}
        return sse(chunk | {"usage": None} if self._asked.tells_usage else chunk)
