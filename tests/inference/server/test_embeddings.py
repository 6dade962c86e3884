from __future__ import annotations

import pytest

from tests.inference.server.conftest import Server


async def test_one_text_gives_one_vector(server: Server) -> None:
    answer = (await server.post("/api/embed", model="embedder", input="Hi")).json()

    assert answer["embeddings"] == [[0.5, 0.5, 0.5, 0.5]]
    assert answer["prompt_eval_count"] == 3
    assert {"model", "total_duration", "load_duration"} <= set(answer)


async def test_many_texts_give_as_many_vectors(server: Server) -> None:
    answer = (await server.post("/api/embed", model="embedder", input=["a", "b", "c"])).json()

    assert len(answer["embeddings"]) == 3
    assert server.starter.of("embedder").embedded == [["a", "b", "c"]]


async def test_vectors_can_be_shortened_and_keep_their_length(server: Server) -> None:
    answer = (await server.post("/api/embed", model="embedder", input="Hi", dimensions=1)).json()

    assert answer["embeddings"] == [[1.0]]


async def test_the_older_route_gives_one_embedding(server: Server) -> None:
    answer = (await server.post("/api/embeddings", model="embedder", prompt="Hi")).json()

    assert answer == {"embedding": [0.5, 0.5, 0.5, 0.5]}


async def test_a_chat_model_embeds_too(server: Server) -> None:
    answer = (await server.post("/api/embed", model="tiny", input="Hi")).json()

    assert answer["embeddings"] == [[0.5, 0.5, 0.5, 0.5]]
    assert not server.starter.of("tiny").spec.embedding


@pytest.mark.parametrize("given", [None, "", []])
async def test_no_text_loads_the_model(server: Server, given: object) -> None:
    answer = (await server.post("/api/embed", model="embedder", input=given)).json()

    assert answer["embeddings"] == []
    assert server.starter.living == ["embedder:latest"]


async def test_no_text_with_keep_alive_zero_unloads_the_model(server: Server) -> None:
    await server.post("/api/embed", model="embedder", input="Hi")

    await server.post("/api/embed", model="embedder", keep_alive=0)

    assert server.starter.living == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"input": 7}, "invalid input type"),
        ({"input": ["a", 7]}, "invalid input type"),
        ({"input": {"a": 1}}, "invalid input type"),
        ({"input": "a", "dimensions": -1}, "dimensions must not be negative"),
        ({"input": "a", "truncate": "no"}, "truncate must be true or false"),
        ({"input": ["a"] * 5000}, "at most 4096"),
    ],
)
async def test_a_wrong_request_is_400(server: Server, body: dict[str, object], error: str) -> None:
    response = await server.post("/api/embed", **{"model": "embedder", **body})

    assert response.status_code == 400
    assert error in response.json()["error"]
