"""The probabilities of tokens as Ollama and OpenAI write them, which is the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from inference.runner.types import TokenProbability


class TopLogprob(TypedDict):
    token: str
    logprob: float
    bytes: list[int]


class Logprob(TopLogprob):
    top_logprobs: list[TopLogprob]


def logprobs(tokens: Sequence[TokenProbability]) -> list[Logprob]:
    return [{**_logprob(token), "top_logprobs": [_logprob(other) for other in token.top]} for token in tokens]


def _logprob(token: TokenProbability) -> TopLogprob:
    """A token may be a part of a character; then its bytes alone tell it exactly."""
    return {"token": token.piece.decode("utf-8", "replace"), "logprob": token.logprob, "bytes": list(token.piece)}
