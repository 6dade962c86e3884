from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.errors import InvalidRequest, QueueFull, RunnerDied
from inference.types import ChatMessage
from tests.inference.server.conftest import Server

HI = [{"role": "user", "content": "Hi"}]
CHAT = "/v1/chat/completions"


async def test_what_is_asked_reaches_the_runner(server: Server) -> None:
    answer = (await server.post(CHAT, model="tiny", messages=HI, temperature=0, seed=3, max_tokens=9)).json()

    request = server.starter.of("tiny").requests[0]
    assert request.messages == [ChatMessage(role="user", content="Hi")]
    assert request.options == {"temperature": 0.0, "seed": 3, "num_predict": 9}
    assert answer["choices"][0]["message"]["content"] == "Hello there"


async def test_an_error_before_the_first_piece_keeps_its_status(server: Server) -> None:
    await server.post(CHAT, model="tiny", messages=HI)
    server.starter.of("tiny").deltas = ()
    server.starter.of("tiny").error = InvalidRequest("the prompt is too long")

    for stream in (True, False):
        response = await server.post(CHAT, model="tiny", messages=HI, stream=stream)

        assert response.status_code == 400
        assert response.json() == {
            "error": {
                "message": "the prompt is too long",
                "type": "invalid_request_error",
                "param": None,
                "code": "invalid_request",
            }
        }


async def test_an_error_after_some_pieces_is_the_last_event(server: Server) -> None:
    await server.post(CHAT, model="tiny", messages=HI)
    server.starter.of("tiny").error = RunnerDied("tiny", -9)

    response = await server.post(CHAT, model="tiny", messages=HI, stream=True)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    *_pieces, error, done = response.text.removesuffix("\n\n").split("\n\n")
    assert '"code":"runner_died"' in error
    assert done == "data: [DONE]"


async def test_a_full_queue_is_503(server: Server) -> None:
    await server.post(CHAT, model="tiny", messages=HI)
    server.starter.of("tiny").deltas, server.starter.of("tiny").error = (), QueueFull()

    response = await server.post(CHAT, model="tiny", messages=HI)

    assert response.status_code == 503
    assert response.json()["error"]["type"] == "server_error"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", CHAT, 405), ("POST", "/v1/nowhere", 501), ("GET", "/v1/models/nobody", 404),
        ("POST", "/v1/embeddings", 400),
    ],
)  # fmt: skip
async def test_every_error_has_openai_s_shape(server: Server, method: str, path: str, status: int) -> None:
    response = await server.http.request(method, path)

    assert response.status_code == status
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


async def test_a_foreign_page_is_refused_in_that_shape_too(server: Server) -> None:
    response = await server.http.get("/v1/models", headers={"Origin": "https://evil.example"})

    assert response.status_code == 403
    assert response.json()["error"]["type"] == "permission_error"


async def test_single_quotes_are_400(server: Server) -> None:
    response = await server.http.post(CHAT, content=b"{'model': 'tiny'}")

    assert response.status_code == 400
    assert "not valid JSON" in response.json()["error"]["message"]


@pytest.mark.parametrize("extra", [{"dimensions": 1}, {"dimensions": 1, "encoding_format": "base64"}])
async def test_embeddings_can_be_shortened(server: Server, extra: dict[str, Any]) -> None:
    body = (await server.post("/v1/embeddings", model="embedder", input="Hi", **extra)).json()

    (entry,) = body["data"]
    vector = entry["embedding"]
    if isinstance(vector, str):
        vector = np.frombuffer(base64.b64decode(vector), "<f4").tolist()
    assert vector == [1.0]
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


async def test_a_reranker_does_not_embed(server: Server, reranker_gguf: Path) -> None:
    shutil.copy(reranker_gguf, server.models / "reranker.gguf")

    response = await server.post("/v1/embeddings", model="reranker", input="Hi")

    assert response.status_code == 400
    assert "does not support embeddings" in response.json()["error"]["message"]


async def test_a_name_with_slashes_is_found(server: Server) -> None:
    response = await server.http.get("/v1/models/library/tiny:latest")

    assert response.json()["id"] == "library/tiny:latest"


async def test_each_choice_has_a_seed_of_its_own(server: Server) -> None:
    body = (await server.post(CHAT, model="tiny", messages=HI, n=2, seed=40)).json()

    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    assert {choice["message"]["content"] for choice in body["choices"]} == {"Hello there"}
    assert sorted(request.options["seed"] for request in server.starter.of("tiny").requests) == [40, 41]
    assert body["usage"]["prompt_tokens"] == 7
    assert body["usage"]["completion_tokens"] == 4


async def test_choices_are_random_where_no_seed_is_given(server: Server) -> None:
    await server.post(CHAT, model="tiny", messages=HI, n=2)

    assert not any("seed" in request.options for request in server.starter.of("tiny").requests)


async def test_an_error_of_one_choice_ends_the_others(server: Server) -> None:
    await server.post(CHAT, model="tiny", messages=HI)
    runner = server.starter.of("tiny")
    runner.error = RunnerDied("tiny", -9)

    response = await server.post(CHAT, model="tiny", messages=HI, n=2)

    assert response.status_code == 500
    assert runner.n_active == 0


async def test_the_other_choices_stop_when_one_is_refused_at_once(server: Server) -> None:
    """The queue of this server holds one, so some of sixteen are refused."""
    server.starter.gate.clear()

    response = await server.post(CHAT, model="tiny", messages=HI, n=16)

    assert response.status_code == 503


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("n", 0, "n must be between 1 and 16"),
        ("n", 17, "n must be between 1 and 16"),
        ("n", "2", "n must be a whole number"),
        ("best_of", 3, "best_of must be as large as n"),
        ("logit_bias", {"a": 1}, "no token's number"),
        ("logit_bias", {"5": 200}, "between -100 and 100"),
        ("logit_bias", {"32000": 1}, "this model has the tokens 0 to 31999"),
    ],
)
async def test_what_is_out_of_bounds_is_refused(server: Server, field: str, value: object, words: str) -> None:
    response = await server.post(CHAT, model="tiny", messages=HI, **{field: value})

    assert response.status_code == 400
    assert words in response.json()["error"]["message"]


async def test_biases_reach_the_runner_from_openai_s_routes_alone(server: Server) -> None:
    await server.post(CHAT, model="tiny", messages=HI, logit_bias={"5": -100})
    await server.post("/api/chat", model="tiny", messages=HI, options={"logit_bias": {"5": -100}})

    openai, ollama = server.starter.of("tiny").requests
    assert openai.options == {"logit_bias": {"5": -100}}
    assert ollama.options == {}
