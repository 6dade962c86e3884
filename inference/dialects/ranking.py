"""The rerank API of Jina and Cohere, which the built-in server, vLLM and llama.cpp speak too. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from inference.dialects.errors import MalformedStream
from inference.dialects.values import count, items, mapping


class RankBody(TypedDict):
    model: str
    query: str
    documents: list[str]


def rank_body(name: str, query: str, documents: Sequence[str]) -> RankBody:
    return RankBody(model=name, query=query, documents=list(documents))


def scores(body: Mapping[str, Any], *, n_documents: int) -> npt.NDArray[np.float32]:
    """Return the scores in the order of the documents: shape (n_documents,).

    Raises MalformedStream unless every document has exactly one finite score.
    """
    found = np.full(n_documents, np.nan, np.float32)
    results = items(body.get("results"))
    for result in results:
        index, score = count(mapping(result).get("index")), mapping(result).get("relevance_score")
        if index is None or index >= n_documents or not isinstance(score, int | float):
            raise MalformedStream("a result of a ranking without index or score")
        found[index] = score
    if len(results) != n_documents or not np.isfinite(found).all():
        raise MalformedStream(f"{len(results)} scores for {n_documents} documents")
    return found
