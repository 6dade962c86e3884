"""What every server that speaks Ollama answers. The double passes it too, so tests may stand on the double."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

import httpx
import pytest

from inference.dialects import ollama as dialect
from inference.dialects.ollama import OllamaChatDecoder
from inference.dialects.server_settings import server_settings
from inference.types import Delta, Finished

MESSAGES = [{"role": "user", "content": "Say hello."}]
TIMINGS = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)


def lines_of(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in response.text.splitlines()]


def assert_is_time(value: str) -> None:
    assert datetime.fromisoformat(value).tzinfo is not None


def assert_has_timings(last: dict[str, Any]) -> None:
    for name in TIMINGS:
        assert isinstance(last[name], int), name
        assert last[name] >= 0, name
    assert last["prompt_eval_count"] > 0
    assert last["eval_count"] > 0


def test_the_root_says_that_it_runs(ollama: httpx.Client) -> None:
    assert ollama.get("/").text == "Ollama is running"


def test_it_tells_a_version(ollama: httpx.Client) -> None:
    assert ollama.get("/api/version").json()["version"].count(".") == 2


def test_tags_lists_each_model_with_its_facts(ollama: httpx.Client) -> None:
    models = {model["name"]: model for model in ollama.get("/api/tags").json()["models"]}

    tiny = models["tiny:latest"]
    assert tiny["model"] == "tiny:latest"
    assert_is_time(tiny["modified_at"])
    assert tiny["size"] > 0
    assert len(tiny["digest"]) == 64
    assert set(tiny["details"]) >= {
        "parent_model",
        "format",
        "family",
        "families",
        "parameter_size",
        "quantization_level",
    }
    assert "embed:latest" in models


def test_tags_are_understood(ollama: httpx.Client) -> None:
    listed = {model["name"]: model for model in dialect.listed_models(ollama.get("/api/tags").json())}

    assert all(value is not None for value in listed["tiny:latest"].values())


@pytest.mark.parametrize(("model", "capability"), [("tiny", "completion"), ("embed", "embedding")])
def test_show_tells_what_a_model_can_do(model: str, capability: str, ollama: httpx.Client) -> None:
    body = ollama.post("/api/show", json={"model": model}).json()

    assert set(body) >= {"modelfile", "parameters", "template", "details", "model_info", "capabilities"}
    shown = dialect.shown_model(body)
    assert shown["capabilities"] == {capability}
    assert shown["context_length"]


def test_chat_streams_pieces_and_then_the_timings(ollama: httpx.Client) -> None:
    # An answer that takes longer than a busy server is held up: what comes meanwhile leaves in one piece.
    question = [{"role": "user", "content": "Count. @fake tokens=50 rate=100"}]

    *pieces, last = lines_of(ollama.post("/api/chat", json={"model": "slow", "messages": question}))

    assert len(pieces) > 1
    for piece in pieces:
        assert piece["model"] == "slow"
        assert_is_time(piece["created_at"])
        assert piece["message"]["role"] == "assistant"
        assert piece["done"] is False
    assert last["done"] is True
    assert last["done_reason"] == "stop"
    assert last["message"] == {"role": "assistant", "content": ""}
    assert_has_timings(last)


def test_a_chat_stream_is_understood(ollama: httpx.Client) -> None:
    decoder = OllamaChatDecoder()

    events = decoder.feed(ollama.post("/api/chat", json={"model": "tiny", "messages": MESSAGES}).content)

    assert decoder.error is None
    text, last = events
    assert isinstance(text, Delta)
    assert text.content
    assert isinstance(last, Finished)
    assert last.usage.answer_tokens


def test_chat_answers_whole_when_asked_to(ollama: httpx.Client) -> None:
    body = ollama.post("/api/chat", json={"model": "tiny", "messages": MESSAGES, "stream": False}).json()

    assert body["done"] is True
    assert body["message"]["role"] == "assistant"
    assert body["message"]["content"]
    assert_has_timings(body)


def test_generate_streams_pieces_and_then_the_timings(ollama: httpx.Client) -> None:
    *pieces, last = lines_of(ollama.post("/api/generate", json={"model": "tiny", "prompt": "Say hello."}))

    assert "".join(piece["response"] for piece in pieces)
    assert not any(piece["done"] for piece in pieces)
    assert last["done"] is True
    assert last["response"] == ""
    assert_has_timings(last)


@pytest.mark.parametrize(
    ("path", "extra"), [("/api/generate", {}), ("/api/generate", {"prompt": ""}), ("/api/chat", {"messages": []})]
)
def test_a_request_without_a_prompt_loads_the_model(path: str, extra: dict[str, Any], ollama: httpx.Client) -> None:
    body = ollama.post(path, json={"model": "tiny", "stream": False, **extra}).json()

    assert body["done"] is True
    assert body["done_reason"] == "load"
    (loaded,) = [model for model in ollama.get("/api/ps").json()["models"] if model["name"] == "tiny:latest"]
    assert loaded["size"] > 0
    assert loaded["context_length"] > 0
    assert_is_time(loaded["expires_at"])


def test_a_request_with_keep_alive_zero_unloads_the_model(ollama: httpx.Client) -> None:
    ollama.post("/api/generate", json={"model": "tiny", "stream": False})

    body = ollama.post("/api/generate", json={"model": "tiny", "stream": False, "keep_alive": 0}).json()

    assert body["done_reason"] == "unload"
    assert "tiny:latest" not in [model["name"] for model in ollama.get("/api/ps").json()["models"]]


@pytest.mark.parametrize("texts", ["one text", ["first", "second", "first"]])
def test_embed_gives_each_text_a_vector_of_length_one(texts: str | list[str], ollama: httpx.Client) -> None:
    body = ollama.post("/api/embed", json={"model": "embed", "input": texts}).json()

    assert len(body["embeddings"]) == (1 if isinstance(texts, str) else len(texts))
    for vector in body["embeddings"]:
        assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-3)
    assert body["embeddings"][0] == pytest.approx(body["embeddings"][-1], abs=1e-4)
    assert body["prompt_eval_count"] > 0
    assert body["total_duration"] >= 0


def test_the_old_embeddings_route_gives_one_vector(ollama: httpx.Client) -> None:
    body = ollama.post("/api/embeddings", json={"model": "embed", "prompt": "one text"}).json()

    assert len(body["embedding"]) > 10


@pytest.mark.parametrize(
    ("path", "extra"),
    [
        ("/api/chat", {"messages": MESSAGES}),
        ("/api/generate", {"prompt": "x"}),
        ("/api/show", {}),
        ("/api/embed", {"input": "x"}),
        ("/api/embeddings", {"prompt": "x"}),
    ],
)
def test_an_unknown_model_is_not_found(path: str, extra: dict[str, Any], ollama: httpx.Client) -> None:
    response = ollama.post(path, json={"model": "nobody", **extra})

    assert response.status_code == 404
    assert "nobody" in response.json()["error"]


def test_a_model_that_only_embeds_does_not_chat(ollama: httpx.Client) -> None:
    response = ollama.post("/api/chat", json={"model": "embed", "messages": MESSAGES})

    assert response.status_code == 400
    assert "does not support chat" in response.json()["error"]


def test_a_client_that_leaves_does_not_hurt_the_next_one(ollama: httpx.Client) -> None:
    with ollama.stream("POST", "/api/chat", json={"model": "tiny", "messages": MESSAGES}) as response:
        next(response.iter_raw(1))

    assert ollama.post("/api/chat", json={"model": "tiny", "messages": MESSAGES, "stream": False}).is_success


def test_found_stores_are_a_list(ollama: httpx.Client) -> None:
    assert isinstance(ollama.get("/hearth/stores").json()["stores"], list)


def test_the_status_lists_files_that_cannot_be_used(ollama: httpx.Client) -> None:
    assert isinstance(ollama.get("/hearth/status").json()["broken"], list)


def test_a_path_that_does_not_exist_is_not_attached(ollama: httpx.Client) -> None:
    response = ollama.post("/hearth/attach", json={"path": "no/such/path"})

    assert response.status_code == 400
    assert "no/such/path" in response.json()["error"]


def test_the_settings_are_told_and_understood(ollama: httpx.Client) -> None:
    told = server_settings(ollama.get("/hearth/settings").json())

    assert "OLLAMA_KEEP_ALIVE" in [setting.name for setting in told.settings]
    assert not all(setting.is_supported for setting in told.settings)
    assert all(device.name and device.memory_bytes for device in told.devices)
    assert told.no_gpu_reason
