from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from inference.errors import RunnerDied
from inference.runner.types import TextDelta
from inference.server.anthropic.bodies import parse_message
from inference.server.anthropic.messages import MessageStream, whole_message
from inference.server.gathering import Gathered
from tests.doubles.model_server import ModelServer
from tests.inference.server.conftest import Server
from tests.inference.server.openai.test_streams import CALL, answered

BODY = {"model": "tiny", "max_tokens": 99, "messages": [{"role": "user", "content": "Hi"}]}
ANSWER = "Hello! I am a scripted test model; my answer is always this one."


def parsed(text: str) -> list[dict[str, Any]]:
    found = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def test_thinking_text_and_calls_are_blocks_of_their_own() -> None:
    stream = MessageStream(parse_message(BODY))
    deltas = [TextDelta(thinking="Hm."), TextDelta(content="Let me "), TextDelta(content="look.", tool_calls=[CALL])]

    events = parsed(b"".join(stream.feed(event) for event in [*deltas, answered()]).decode())

    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start", "content_block_delta", "content_block_stop",
        "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
        "content_block_start", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip
    assert events[0]["message"]["content"] == []
    starts = [event for event in events if event["type"] == "content_block_start"]
    assert [(event["index"], event["content_block"]["type"]) for event in starts] == [
        (0, "thinking"),
        (1, "text"),
        (2, "tool_use"),
    ]
    assert starts[2]["content_block"] == {"type": "tool_use", "id": "call_7", "name": "weather", "input": {}}
    deltas_told = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert deltas_told[0] == {"type": "thinking_delta", "thinking": "Hm."}
    assert deltas_told[1] == {"type": "text_delta", "text": "Let me "}
    assert json.loads(deltas_told[3]["partial_json"]) == {"city": "Köln"}
    assert events[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert events[-2]["usage"] == {
        "input_tokens": 4,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 3,
        "output_tokens": 2,
    }


def test_an_error_in_the_middle_is_an_event() -> None:
    stream = MessageStream(parse_message(BODY))
    stream.feed(TextDelta(content="Hi"))

    (event,) = parsed(stream.fail(RunnerDied("tiny", -9)).decode())

    assert event["error"]["type"] == "api_error"


def test_a_whole_answer_with_a_call() -> None:
    gathered = Gathered(content="", thinking="Hm.", tool_calls=[CALL], logprobs=(), answered=answered())

    message = whole_message(parse_message(BODY), gathered)

    assert message["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": ""},
        {"type": "tool_use", "id": "call_7", "name": "weather", "input": {"city": "Köln"}},
    ]
    assert message["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({**BODY, "model": "nobody"}, 404, "not_found_error"),
        ({**BODY, "max_tokens": 0}, 400, "invalid_request_error"),
        ({**BODY, "model": "embedder"}, 400, "invalid_request_error"),
    ],
)
async def test_errors_have_anthropic_s_shape(server: Server, body: dict[str, Any], status: int, kind: str) -> None:
    response = await server.http.post("/v1/messages", json=body)

    assert response.status_code == status
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == kind


@pytest.mark.model
def test_a_real_model_answers(model_server: ModelServer) -> None:
    body = BODY | {"model": "scripted", "system": [{"type": "text", "text": "Be kind."}]}

    message = model_server.http.post("/v1/messages", json=body).json()

    assert (message["type"], message["role"], message["model"]) == ("message", "assistant", "scripted")
    assert message["content"] == [{"type": "text", "text": ANSWER}]
    assert message["stop_reason"] == "end_turn"
    assert message["usage"]["output_tokens"] > 5


@pytest.mark.model
def test_a_real_model_streams_the_documented_events(model_server: ModelServer) -> None:
    body = BODY | {"model": "slow", "max_tokens": 60, "stream": True}

    with httpx.stream("POST", f"{model_server.url}/v1/messages", json=body, timeout=60, trust_env=False) as response:
        assert response.headers["content-type"] == "text/event-stream"
        events = parsed(response.read().decode())

    assert events[0]["message"]["stop_reason"] is None
    assert [event["type"] for event in events[1:2]] == ["content_block_start"]
    deltas = [event for event in events if event["type"] == "content_block_delta"]
    assert len(deltas) > 1
    assert "".join(event["delta"]["text"] for event in deltas).startswith("1 2 3 4")
    assert [event["type"] for event in events[-3:]] == ["content_block_stop", "message_delta", "message_stop"]
    assert events[-2]["delta"]["stop_reason"] == "max_tokens"
    assert events[-2]["usage"]["output_tokens"] == 60


@pytest.mark.model
def test_a_real_model_calls_a_tool(model_server: ModelServer) -> None:
    tool = {"name": "get_weather", "input_schema": {"type": "object"}}
    body = BODY | {"model": "caller", "tools": [tool]}

    message = model_server.http.post("/v1/messages", json=body).json()

    assert [block["type"] for block in message["content"]] == ["thinking", "text", "tool_use"]
    assert message["content"][2]["input"] == {"city": "Zürich", "days": 3}
    assert message["stop_reason"] == "tool_use"
