"""What every server that speaks Anthropic's `/v1/messages` answers."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

PATH = "/v1/messages"
ASKED: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "Say hello."}],
}
WEATHER = {
    "name": "get_weather",
    "description": "Tells the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
}
CITY = {"city": "Zürich", "days": 3}


def events_of(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    named = [block.split("\n", 1) for block in response.text.strip().split("\n\n")]
    events = [json.loads(data.removeprefix("data: ")) for _, data in named]
    assert [name.removeprefix("event: ") for name, _ in named] == [event["type"] for event in events]
    return events


def assert_is_error(response: httpx.Response, status: int, kind: str) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"type", "error"}
    assert body["type"] == "error"
    assert body["error"]["type"] == kind
    return str(body["error"]["message"])


def test_a_message_is_answered_whole(server: httpx.Client) -> None:
    body = server.post(PATH, json=ASKED).json()

    assert (body["type"], body["role"], body["model"]) == ("message", "assistant", "tiny")
    assert (body["stop_reason"], body["stop_sequence"]) == ("end_turn", None)
    (block,) = body["content"]
    assert block["type"] == "text"
    assert block["text"]
    assert body["usage"]["input_tokens"] + body["usage"].get("cache_read_input_tokens", 0) > 0
    assert body["usage"]["output_tokens"] > 0


def test_a_message_streams_its_events_in_order(server: httpx.Client) -> None:
    events = events_of(server.post(PATH, json=ASKED | {"stream": True}))

    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert events[0]["message"]["content"] == []
    assert "".join(event["delta"]["text"] for event in events[2:-3])
    assert events[-2]["delta"]["stop_reason"] == "end_turn"
    assert events[-2]["usage"]["output_tokens"] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_used_with_its_input(stream: bool, server: httpx.Client) -> None:
    response = server.post(PATH, json=ASKED | {"model": "caller", "tools": [WEATHER], "stream": stream})

    if stream:
        events = events_of(response)
        started = [event["content_block"] for event in events if event["type"] == "content_block_start"]
        told = [event["delta"] for event in events if event["type"] == "content_block_delta"]
        used = json.loads("".join(delta.get("partial_json", "") for delta in told))
        reason = next(event["delta"]["stop_reason"] for event in events if event["type"] == "message_delta")
        indices = [event["index"] for event in events if event["type"] == "content_block_start"]
        assert indices == list(range(len(started)))
    else:
        started, reason = response.json()["content"], response.json()["stop_reason"]
        used = started[-1]["input"]
    assert [block["type"] for block in started] == ["thinking", "text", "tool_use"]
    assert started[-1]["name"] == "get_weather"
    assert started[-1]["id"]
    assert used == CITY
    assert reason == "tool_use"


def test_a_limit_cuts_the_answer_and_says_so(server: httpx.Client) -> None:
    body = server.post(PATH, json=ASKED | {"max_tokens": 2}).json()

    assert body["stop_reason"] == "max_tokens"
    assert body["usage"]["output_tokens"] == 2


def test_a_stop_sequence_ends_the_answer_before_it(server: httpx.Client) -> None:
    whole = server.post(PATH, json=ASKED).json()["content"][0]["text"]
    word = whole.split()[2]

    body = server.post(PATH, json=ASKED | {"stop_sequences": ["nowhere to be found", word]}).json()

    assert body["content"][0]["text"].rstrip() == whole[: whole.index(word)].rstrip()


def test_an_unknown_model_is_not_found(server: httpx.Client) -> None:
    assert "nobody" in assert_is_error(server.post(PATH, json=ASKED | {"model": "nobody"}), 404, "not_found_error")


def test_a_model_without_tools_refuses_them(server: httpx.Client) -> None:
    response = server.post(PATH, json=ASKED | {"tools": [WEATHER]})

    assert "does not support tools" in assert_is_error(response, 400, "invalid_request_error")


@pytest.mark.parametrize("body", [b"{", b"[]", b"'x'", b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_a_bad_request(body: bytes, server: httpx.Client) -> None:
    response = server.post(PATH, content=body, headers={"Content-Type": "application/json"})

    assert_is_error(response, 400, "invalid_request_error")


@pytest.mark.parametrize(
    "change",
    [
        {"model": 7},
        {"messages": "Hi"},
        {"messages": ["Hi"]},
        {"messages": []},
        {"max_tokens": None},
        {"max_tokens": "many"},
        {"stream": "yes"},
        {"temperature": "hot"},
    ],
)
def test_a_missing_field_or_one_of_another_type_is_a_bad_request(change: dict[str, Any], server: httpx.Client) -> None:
    assert_is_error(server.post(PATH, json=ASKED | change), 400, "invalid_request_error")
