from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.inference.server.conftest import Server


@pytest.fixture(autouse=True)
def reranker(server: Server, reranker_gguf: Path) -> None:
    """Let the server offer `reranker`, whose double prefers short documents."""
    shutil.copy(reranker_gguf, server.models / "reranker.gguf")


@pytest.mark.parametrize("route", ["/v1/rerank", "/rerank"])
async def test_the_best_documents_come_first(server: Server, route: str) -> None:
    answer = (await server.post(route, model="reranker", query="why?", documents=["long one", "a", "mid"])).json()

    assert answer == {
        "model": "reranker",
        "object": "list",
        "usage": {"prompt_tokens": 15, "total_tokens": 15, "shortened_documents": 0},
        "results": [
            {"index": 1, "relevance_score": 0.5},
            {"index": 2, "relevance_score": 0.25},
            {"index": 0, "relevance_score": pytest.approx(1 / 9)},
        ],
    }


async def test_only_so_many_are_told_as_asked_for(server: Server) -> None:
    body = {"model": "reranker", "query": "why?", "documents": [{"text": "long one"}, "a"], "top_n": 1}

    answer = (await server.post("/v1/rerank", **body, return_documents=True)).json()

    assert answer["results"] == [{"index": 1, "relevance_score": 0.5, "document": {"text": "a"}}]


async def test_a_reranker_shows_what_it_is(server: Server) -> None:
    shown = (await server.post("/api/show", model="reranker")).json()

    assert shown["capabilities"] == ["reranking"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"query": ""}, "query is required"),
        ({"query": 7}, "query must be a string"),
        ({"documents": []}, "documents must hold at least one text"),
        ({"documents": "text"}, "documents must be an array"),
        ({"documents": ["a", 7]}, 'each of documents must be a string or an object with "text"'),
        ({"documents": ["a"] * 5000}, "at most 4096"),
        ({"top_n": 0}, "top_n must be at least 1"),
        ({"model": "tiny"}, '"tiny" does not support reranking'),
        ({"model": "embedder"}, '"embedder" does not support reranking'),
    ],
)
async def test_a_wrong_request_is_400(server: Server, body: dict[str, Any], error: str) -> None:
    response = await server.post("/rerank", **{"model": "reranker", "query": "why?", "documents": ["a"], **body})

    assert response.status_code == 400
    assert error in response.json()["error"]


async def test_errors_below_v1_have_the_shape_of_openai(server: Server) -> None:
    response = await server.post("/v1/rerank", model="reranker", query="why?", documents=[])

    assert response.status_code == 400
    assert response.json()["error"]["message"] == "documents must hold at least one text"


@pytest.mark.parametrize(
    ("route", "body", "error"),
    [
        ("/api/chat", {"messages": [{"role": "user", "content": "Hi"}]}, '"reranker" does not support chat'),
        ("/api/generate", {"prompt": "Hi"}, '"reranker" does not support generate'),
        ("/api/embed", {"input": "Hi"}, '"reranker" does not support embeddings'),
    ],
)
async def test_a_reranker_does_nothing_else(server: Server, route: str, body: dict[str, Any], error: str) -> None:
    response = await server.post(route, model="reranker", **body)

    assert response.status_code == 400
    assert response.json()["error"] == error
