"""Formats, probabilities and contexts from Ollama's own client, through a real server, to a real runner."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import ollama
import pytest

from tests.doubles.model_server import ModelServer

pytestmark = pytest.mark.model

HI = [{"role": "user", "content": "Who?"}]
PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z][a-z]{2,6}$"},
        "age": {"type": "integer", "minimum": 18, "maximum": 99},
        "since": {"type": "string", "format": "date"},
    },
    "required": ["name", "age", "since"],
}


@pytest.fixture(scope="module")
def model_server(tmp_path_factory: pytest.TempPathFactory, tiny_gguf: Path) -> Iterator[ModelServer]:
    data = tmp_path_factory.mktemp("formats")
    (data / "models").mkdir()
    shutil.copy(tiny_gguf, data / "models" / "tiny.gguf")
    with ModelServer(data, OLLAMA_CONTEXT_LENGTH="1024", OLLAMA_NUM_PARALLEL="2") as server:
        yield server


@pytest.fixture
def client(model_server: ModelServer) -> Iterator[ollama.Client]:
    with ollama.Client(host=model_server.url, trust_env=False) as client:
        yield client


def test_an_answer_has_the_form_of_the_schema(client: ollama.Client) -> None:
    chat = client.chat("tiny", HI, format=PERSON)
    generated = client.generate("tiny", "Who?", format=PERSON)

    for text in (chat.message.content or "", generated.response):
        jsonschema.validate(json.loads(text), PERSON, format_checker=jsonschema.FormatChecker(["date"]))
    assert chat.done_reason == generated.done_reason == "stop"


def test_a_stream_in_a_form_is_whole_in_the_end(client: ollama.Client) -> None:
    parts = client.chat("tiny", HI, format=PERSON, stream=True)

    text = "".join(part.message.content or "" for part in parts)

    jsonschema.validate(json.loads(text), PERSON)


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "array", "uniqueItems": True}, "uniqueItems is not supported"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "no value satisfies the schema"),
    ],
)
def test_what_cannot_be_honoured_is_named(client: ollama.Client, schema: dict[str, Any], problem: str) -> None:
    with pytest.raises(ollama.ResponseError, match=problem) as caught:
        client.chat("tiny", HI, format=schema)

    assert caught.value.status_code == 400


@pytest.mark.parametrize("depth", [100, 300, 900])
def test_a_schema_that_is_nested_too_deeply_is_refused(model_server: ModelServer, depth: int) -> None:
    schema = '{"items":' * depth + "{}" + "}" * depth
    body = '{"model":"tiny","messages":[{"role":"user","content":"x"}],"stream":false,"format":' + schema + "}"

    response = model_server.http.post("/api/chat", content=body)

    assert response.status_code == 400
    assert "nested" in response.json()["error"]
    assert model_server.http.post("/api/generate", json={"model": "tiny", "options": {}}).status_code == 200


def test_probabilities_are_told(model_server: ModelServer) -> None:
    body = {"model": "tiny", "messages": HI, "logprobs": True, "top_logprobs": 2, "options": {"num_predict": 3}}

    answer = model_server.http.post("/api/chat", json=body | {"stream": False}).json()

    assert len(answer["logprobs"]) == 3
    assert all(len(token["top_logprobs"]) == 2 and token["logprob"] <= 0 for token in answer["logprobs"])


def test_a_context_is_continued(client: ollama.Client) -> None:
    first = client.generate("tiny", "One", options={"num_predict": 3})
    second = client.generate("tiny", "Two", context=first.context, options={"num_predict": 3})

    assert first.context
    assert second.context
    assert list(second.context[: len(first.context)]) == list(first.context)


def test_a_model_without_the_tokens_does_not_fill_gaps(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="does not support insert"):
        client.generate("tiny", "def f(", suffix="):")
