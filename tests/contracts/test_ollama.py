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
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}
MOOD = {
    "type": "object",
    "properties": {"mood": {"enum": ["glad", "sad"]}, "sure": {"type": "boolean"}},
    "required": ["mood", "sure"],
    "additionalProperties": False,
}
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


def test_the_root_says_that_it_runs(server: httpx.Client) -> None:
    assert server.get("/").text == "Ollama is running"


def test_it_tells_a_version(server: httpx.Client) -> None:
    assert server.get("/api/version").json()["version"].count(".") == 2


def test_tags_lists_each_model_with_its_facts(server: httpx.Client) -> None:
    models = {model["name"]: model for model in server.get("/api/tags").json()["models"]}

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


def test_tags_are_understood(server: httpx.Client) -> None:
    listed = {model["name"]: model for model in dialect.listed_models(server.get("/api/tags").json())}

    assert all(value is not None for value in listed["tiny:latest"].values())


@pytest.mark.parametrize(("model", "capability"), [("tiny", "completion"), ("embed", "embedding")])
def test_show_tells_what_a_model_can_do(model: str, capability: str, server: httpx.Client) -> None:
    body = server.post("/api/show", json={"model": model}).json()

    assert set(body) >= {"modelfile", "parameters", "template", "details", "model_info", "capabilities"}
    shown = dialect.shown_model(body)
    assert shown["capabilities"] == {capability}
    assert shown["context_length"]


def test_chat_streams_pieces_and_then_the_timings(server: httpx.Client) -> None:
    # An answer that takes longer than a busy server is held up: what comes meanwhile leaves in one piece.
    question = [{"role": "user", "content": "Count. @fake tokens=50 rate=100"}]

    *pieces, last = lines_of(server.post("/api/chat", json={"model": "slow", "messages": question}))

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


def test_a_chat_stream_is_understood(server: httpx.Client) -> None:
    decoder = OllamaChatDecoder()

    events = decoder.feed(server.post("/api/chat", json={"model": "tiny", "messages": MESSAGES}).content)

    assert decoder.error is None
    text, last = events
    assert isinstance(text, Delta)
    assert text.content
    assert isinstance(last, Finished)
    assert last.usage.answer_tokens


def test_chat_answers_whole_when_asked_to(server: httpx.Client) -> None:
    body = server.post("/api/chat", json={"model": "tiny", "messages": MESSAGES, "stream": False}).json()

    assert body["done"] is True
    assert body["message"]["role"] == "assistant"
    assert body["message"]["content"]
    assert_has_timings(body)


def test_generate_streams_pieces_and_then_the_timings(server: httpx.Client) -> None:
    *pieces, last = lines_of(server.post("/api/generate", json={"model": "tiny", "prompt": "Say hello."}))

    assert "".join(piece["response"] for piece in pieces)
    assert not any(piece["done"] for piece in pieces)
    assert last["done"] is True
    assert last["response"] == ""
    assert_has_timings(last)


@pytest.mark.parametrize(
    ("path", "extra"), [("/api/generate", {}), ("/api/generate", {"prompt": ""}), ("/api/chat", {"messages": []})]
)
def test_a_request_without_a_prompt_loads_the_model(path: str, extra: dict[str, Any], server: httpx.Client) -> None:
    body = server.post(path, json={"model": "tiny", "stream": False, **extra}).json()

    assert body["done"] is True
    assert body["done_reason"] == "load"
    (loaded,) = [model for model in server.get("/api/ps").json()["models"] if model["name"] == "tiny:latest"]
    assert loaded["size"] > 0
    assert loaded["context_length"] > 0
    assert_is_time(loaded["expires_at"])


def test_a_request_with_keep_alive_zero_unloads_the_model(server: httpx.Client) -> None:
    server.post("/api/generate", json={"model": "tiny", "stream": False})

    body = server.post("/api/generate", json={"model": "tiny", "stream": False, "keep_alive": 0}).json()

    assert body["done_reason"] == "unload"
    assert "tiny:latest" not in [model["name"] for model in server.get("/api/ps").json()["models"]]


@pytest.mark.parametrize("texts", ["one text", ["first", "second", "first"]])
def test_embed_gives_each_text_a_vector_of_length_one(texts: str | list[str], server: httpx.Client) -> None:
    body = server.post("/api/embed", json={"model": "embed", "input": texts}).json()

    assert len(body["embeddings"]) == (1 if isinstance(texts, str) else len(texts))
    for vector in body["embeddings"]:
        assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-3)
    assert body["embeddings"][0] == pytest.approx(body["embeddings"][-1], abs=1e-4)
    assert body["prompt_eval_count"] > 0
    assert body["total_duration"] >= 0


def test_the_old_embeddings_route_gives_one_vector(server: httpx.Client) -> None:
    body = server.post("/api/embeddings", json={"model": "embed", "prompt": "one text"}).json()

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
def test_an_unknown_model_is_not_found(path: str, extra: dict[str, Any], server: httpx.Client) -> None:
    response = server.post(path, json={"model": "nobody", **extra})

    assert response.status_code == 404
    assert "nobody" in response.json()["error"]


def test_a_model_that_only_embeds_does_not_chat(server: httpx.Client) -> None:
    response = server.post("/api/chat", json={"model": "embed", "messages": MESSAGES})

    assert response.status_code == 400
    assert "does not support chat" in response.json()["error"]


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/show", "/api/embed", "/api/embeddings"])
@pytest.mark.parametrize("body", [b"{", b"[]", b"'x'", b'"model"', b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_a_bad_request(path: str, body: bytes, server: httpx.Client) -> None:
    response = server.post(path, content=body, headers={"Content-Type": "application/json"})

    assert_is_refused(response)


@pytest.mark.parametrize(
    ("path", "extra"),
    [
        ("/api/chat", {"model": 7}),
        ("/api/chat", {"messages": "Hi"}),
        ("/api/chat", {"messages": ["Hi"]}),
        ("/api/chat", {"messages": MESSAGES, "stream": "yes"}),
        ("/api/chat", {"messages": MESSAGES, "options": []}),
        ("/api/chat", {"messages": MESSAGES, "tools": {}}),
        ("/api/generate", {"prompt": 7}),
        ("/api/generate", {"prompt": "Hi", "stream": 1}),
        ("/api/embed", {"input": 7}),
        ("/api/chat", {"model": "", "messages": MESSAGES}),
        ("/api/generate", {"model": "", "prompt": "Hi"}),
        ("/api/show", {"model": ""}),
    ],
)
def test_a_field_of_another_type_is_a_bad_request(path: str, extra: dict[str, Any], server: httpx.Client) -> None:
    assert_is_refused(server.post(path, json={"model": "tiny"} | extra))


def assert_is_refused(response: httpx.Response) -> None:
    assert response.status_code == 400, response.text
    assert response.headers["content-type"].startswith("application/json")
    assert isinstance(response.json()["error"], str)


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_with_its_arguments(stream: bool, server: httpx.Client) -> None:
    asked = {"model": "caller", "messages": MESSAGES, "tools": [WEATHER], "stream": stream}
    answers = [json.loads(line) for line in server.post("/api/chat", json=asked).text.splitlines()]

    messages = [answer["message"] for answer in answers]
    assert "".join(message.get("thinking", "") for message in messages)
    assert "".join(message["content"] for message in messages) == "I look it up."
    (call,) = [call for message in messages for call in message.get("tool_calls", ())]
    assert call["function"]["name"] == "get_weather"
    assert call["function"]["arguments"] == {"city": "Zürich", "days": 3}
    assert answers[-1]["done_reason"] == "stop"


def test_a_model_without_tools_refuses_them(server: httpx.Client) -> None:
    response = server.post("/api/chat", json={"model": "tiny", "messages": MESSAGES, "tools": [WEATHER]})

    assert_is_refused(response)
    assert "does not support tools" in response.json()["error"]


@pytest.mark.parametrize(("path", "extra"), [("/api/chat", {"messages": MESSAGES}), ("/api/generate", {"prompt": "x"})])
def test_an_answer_follows_a_schema(path: str, extra: dict[str, Any], server: httpx.Client) -> None:
    asked = {"model": "tiny", "stream": False, "format": MOOD} | extra

    body = server.post(path, json=asked).json()

    told = json.loads(body["message"]["content"] if "message" in body else body["response"])
    assert set(told) == {"mood", "sure"}
    assert told["mood"] in ("glad", "sad")
    assert isinstance(told["sure"], bool)


def test_any_json_is_an_object(server: httpx.Client) -> None:
    # A model whose answer is fixed may not find the end of an object, so only its beginning is looked at.
    asked = {"model": "tiny", "messages": MESSAGES, "stream": False, "format": "json", "options": {"num_predict": 9}}

    assert server.post("/api/chat", json=asked).json()["message"]["content"].lstrip().startswith("{")


def test_an_unknown_format_is_a_bad_request(server: httpx.Client) -> None:
    assert_is_refused(server.post("/api/chat", json={"model": "tiny", "messages": MESSAGES, "format": "yaml"}))


@pytest.mark.parametrize("others", [(), ("nowhere to be found",)])
def test_a_stop_string_ends_the_answer_before_it(others: tuple[str, ...], server: httpx.Client) -> None:
    whole = ask(server, {})["message"]["content"]
    word = whole.split()[2]

    body = ask(server, {"stop": [*others, word] if others else word})

    assert body["message"]["content"].rstrip() == whole[: whole.index(word)].rstrip()
    assert body["done_reason"] == "stop"


def test_a_limit_cuts_the_answer_and_says_so(server: httpx.Client) -> None:
    body = ask(server, {"num_predict": 2})

    assert body["done_reason"] == "length"
    assert body["eval_count"] == 2


def ask(server: httpx.Client, options: dict[str, Any]) -> Any:
    asked = {"model": "tiny", "messages": MESSAGES, "stream": False, "options": options}
    return server.post("/api/chat", json=asked).json()


def test_no_texts_have_no_embeddings(server: httpx.Client) -> None:
    body = server.post("/api/embed", json={"model": "embed", "input": []}).json()

    assert body["embeddings"] == []


def test_a_client_that_leaves_does_not_hurt_the_next_one(server: httpx.Client) -> None:
    with server.stream("POST", "/api/chat", json={"model": "tiny", "messages": MESSAGES}) as response:
        next(response.iter_raw(1))

    assert server.post("/api/chat", json={"model": "tiny", "messages": MESSAGES, "stream": False}).is_success


def test_found_stores_are_a_list(server: httpx.Client) -> None:
    assert isinstance(server.get("/hearth/stores").json()["stores"], list)


def test_the_status_lists_files_that_cannot_be_used(server: httpx.Client) -> None:
    assert isinstance(server.get("/hearth/status").json()["broken"], list)


def test_a_path_that_does_not_exist_is_not_attached(server: httpx.Client) -> None:
    response = server.post("/hearth/attach", json={"path": "no/such/path"})

    assert response.status_code == 400
    assert "no/such/path" in response.json()["error"]


def test_the_settings_are_told_and_understood(server: httpx.Client) -> None:
    told = server_settings(server.get("/hearth/settings").json())

    assert "OLLAMA_KEEP_ALIVE" in [setting.name for setting in told.settings]
    assert not all(setting.is_supported for setting in told.settings)
    assert all(device.name and device.memory_bytes for device in told.devices)
    assert told.no_gpu_reason
