"""A model that reads question and passage together puts the best candidates into order. Optional."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference import client
from inference.errors import InferenceError
from rag.chunking import indexed_text
from rag.retrieval.fusion import Weighed

logger = logging.getLogger(__name__)

# Each is read by the model for every question.
N_RERANKED = 20
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranking:
    """The candidates in their new order, or as they were and why."""

    ranked: Sequence[Weighed]
    problem: str = ""
    seconds: float = 0.0


async def rerank(question: str, weighed: Sequence[Weighed], model: str) -> Reranking:
    """Put the best candidates into the order of a reranker's scores; the others keep theirs, behind them."""
    best, others = weighed[:N_RERANKED], weighed[N_RERANKED:]
    if not model or not best:
        return Reranking(ranked=weighed)
    started = time.perf_counter()
    texts = [indexed_text(item.chunk.page_name, item.chunk.text) for item in best]
    try:
        async with asyncio.timeout(TIMEOUT_S):
            scores = await client.rerank(model, question, texts)
    except (InferenceError, TimeoutError) as exc:
        logger.warning("Passages were not reranked: %s", type(exc).__name__)
        return Reranking(ranked=weighed, problem=type(exc).__name__, seconds=time.perf_counter() - started)
    scored = [replace(item, rerank=float(score)) for item, score in zip(best, scores, strict=True)]
    scored.sort(key=lambda item: -(item.rerank or 0.0))
    return Reranking(ranked=[*scored, *others], seconds=time.perf_counter() - started)
