"""The body and the answer of `/v1/rerank`.

Source: Jina's and Cohere's rerank APIs, whose common fields these are; llama.cpp's server has the same routes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np

from inference.errors import InvalidRequest
from inference.runner.types import Ranked
from inference.server.bodies import MAX_INPUTS, parse_flag, parse_keep_alive, parse_model, parse_text
from inference.server.fields import typed_field


@dataclass(frozen=True, slots=True, kw_only=True)
class RankBody:
    """Attributes:
    top_n: The best so many are told.
    returns_documents: Repeat each document beside its score.
    """

    model: str
    query: str
    documents: Sequence[str]
    top_n: int
    returns_documents: bool
    truncate: bool
    keep_alive_s: float | None


class DocumentBody(TypedDict):
    text: str


class ResultBody(TypedDict):
    index: int
    relevance_score: float
    document: NotRequired[DocumentBody]


class RankUsage(TypedDict):
    prompt_tokens: int
    total_tokens: int
    shortened_documents: int


class RankAnswer(TypedDict):
    """`shortened_documents` is ours: the number of documents of which only the beginning was read."""

    model: str
    object: str
    usage: RankUsage
    results: list[ResultBody]


def parse_rank(body: Mapping[str, Any]) -> RankBody:
    documents = [_document(value) for value in typed_field(body, "documents", list, [])]
    if not documents:
        raise InvalidRequest("documents must hold at least one text")
    if len(documents) > MAX_INPUTS:
        raise InvalidRequest(f"documents may hold at most {MAX_INPUTS} texts")
    top_n = typed_field(body, "top_n", int, len(documents))
    if top_n < 1:
        raise InvalidRequest("top_n must be at least 1")
    return RankBody(
        model=parse_model(body),
        query=parse_text(body, "query"),
        documents=documents,
        top_n=top_n,
        returns_documents=parse_flag(body, "return_documents", False),
        truncate=parse_flag(body, "truncate", True),
        keep_alive_s=parse_keep_alive(body),
    )


def ranked_answer(body: RankBody, ranked: Ranked) -> RankAnswer:
    """Return the best documents first; equal ones keep their order."""
    best = np.argsort(-ranked.scores, kind="stable")[: body.top_n]
    return RankAnswer(
        model=body.model,
        object="list",
        usage=RankUsage(
            prompt_tokens=ranked.n_tokens, total_tokens=ranked.n_tokens, shortened_documents=ranked.n_shortened
        ),
        results=[_result(body, int(index), float(ranked.scores[index])) for index in best],
    )


def _result(body: RankBody, index: int, score: float) -> ResultBody:
    result = ResultBody(index=index, relevance_score=score)
    if body.returns_documents:
        result["document"] = DocumentBody(text=body.documents[index])
    return result


def _document(value: Any) -> str:
    """Return the text of a document, which some clients put into an object."""
    text = value.get("text") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise InvalidRequest('each of documents must be a string or an object with "text"')
    return text
