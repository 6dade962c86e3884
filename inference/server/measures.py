"""What one answer took, beside what Ollama's own fields tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from inference.runner.types import RunnerFinished

FLOPS_PER_PARAMETER = 2
"""A multiplication and an addition for each token. Attention comes on top, so it is an estimate from below."""


class MeasuresBody(TypedDict):
    queue_s: float
    load_s: float
    first_token_s: float
    token_s_p50: float
    token_s_p95: float
    cached_tokens: int
    dropped_messages: int
    shifted_tokens: int
    estimated_flops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Seconds of one answer.

    Attributes:
        queue_s: Waiting for a slot, here and in the runner.
        load_s: Waiting for the model to load; 0 when it was there.
        first_token_s: From the arrival of the request to the first piece of its answer.
        estimated_flops: Of the tokens that were computed, those in the cache not among them.
    """

    queue_s: float
    load_s: float
    first_token_s: float
    estimated_flops: int


def estimated_flops(counts: RunnerFinished, n_params: int) -> int:
    n_computed = counts.prompt_tokens - counts.cached_tokens + counts.answer_tokens
    return FLOPS_PER_PARAMETER * n_params * n_computed


def measures_body(measures: Measures, counts: RunnerFinished) -> MeasuresBody:
    return {
        "queue_s": round(measures.queue_s, 4),
        "load_s": round(measures.load_s, 4),
        "first_token_s": round(measures.first_token_s, 4),
        "token_s_p50": round(counts.token_s_p50, 5),
        "token_s_p95": round(counts.token_s_p95, 5),
        "cached_tokens": counts.cached_tokens,
        "dropped_messages": counts.dropped_messages,
        "shifted_tokens": counts.shifted_tokens,
        "estimated_flops": measures.estimated_flops,
    }
