from __future__ import annotations

import json
from typing import Any

import pytest

from inference.errors import InvalidRequest, RunnerDied
from inference.runner.types import TextDelta
from inference.server.answers import AnswerEvent
from inference.server.gathering import Gathered
from inference.server.openai.response_bodies import parse_response
from inference.server.openai.responses import ResponseStream, whole_response
from inference.types import ChatMessage, ToolCall
from tests.inference.server.openai.test_streams import CALL, answered

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}


def events_of(*events: AnswerEvent) -> list[dict[str, Any]]:
    stream = ResponseStream(parse_response({"model": "tiny", "input": "Hi", "stream": True}))
    text = b"".join(stream.feed(event) for event in events).decode()
    found = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


def test_the_items_of_a_conversation_become_messages() -> None:
    items = [
        {"role": "developer", "content": "Be kind."},
        USER,
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me look."}]},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Bonn"}'},
        {"type": "function_call", "call_id": "c2", "name": "clock", "arguments": ""},
        {"type": "function_call_output", "call_id": "c1", "output": "Rain"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "Noon"}]},
        {"type": "message", "role": "assistant", "content": "It rains."},
    ]

    asked = parse_response({"model": "tiny", "input": items, "instructions": "Speak German."})

    assert asked.answer.messages == [
        ChatMessage(role="system", content="Speak German."),
        ChatMessage(role="system", content="Be kind."),
        ChatMessage(role="user", content="Hi"),
        ChatMessage(
            role="assistant",
            content="Let me look.",
            thinking="Hm.",
            tool_calls=(
                ToolCall(name="weather", arguments={"city": "Bonn"}, id="c1"),
                ToolCall(name="clock", id="c2"),
            ),
        ),
        ChatMessage(role="tool", content="Rain", tool_name="weather", tool_call_id="c1"),
        ChatMessage(role="tool", content="Noon", tool_name="clock", tool_call_id="c2"),
        ChatMessage(role="assistant", content="It rains."),
    ]


def test_settings_are_read_and_repeated() -> None:
    tool = {"type": "function", "name": "clock", "parameters": {"type": "object"}}
    asked = parse_response({
        "model": "tiny", "input": "Hi", "temperature": 0.5, "top_p": 0.9, "max_output_tokens": 9, "truncation": "auto",
        "reasoning": {"effort": "low"}, "text": {"format": {"type": "json_schema", "name": "x", "schema": {"a": 1}}},
        "tools": [tool], "tool_choice": {"type": "function", "name": "clock"}, "metadata": {"a": "b"},
        "top_logprobs": 2, "include": ["message.output_text.logprobs"],
    })  # fmt: skip

    answer = asked.answer
    assert answer.options == {"temperature": 0.5, "top_p": 0.9, "num_predict": 9}
    assert (answer.think, answer.format, answer.truncate, answer.top_logprobs) == ("low", {"a": 1}, True, 2)
    assert ([tool.name for tool in answer.tools], answer.must_call_tool) == (["clock"], True)
    assert asked.echo["tools"] == [tool]
    assert asked.echo["metadata"] == {"a": "b"}
    assert asked.echo["truncation"] == "auto"


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({"input": None}, "input must be a string or an array"),
        ({"input": []}, "not empty"),
        ({"input": ["Hi"]}, "each of input must be an object"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input of type 'item_reference' is not supported"),
        ({"input": [{"role": "tool", "content": "x"}]}, "the role of a message"),
        ({"previous_response_id": "x"}, "responses are not stored"),
        ({"conversation": "x"}, "conversations are not stored"),
        ({"background": True}, "background responses"),
        ({"truncation": "some"}, "truncation must be"),
        ({"tools": [{"type": "web_search"}]}, "tools of type 'web_search'"),
        ({"max_output_tokens": 0}, "must be at least 1"),
    ],
)
def test_a_wrong_request_is_refused_in_one_sentence(extra: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        parse_response({"model": "tiny", "input": "Hi", **extra})

    assert sentence in error.value.detail


def test_thinking_text_and_calls_are_items_of_their_own() -> None:
    events = events_of(
        TextDelta(thinking="Hm."),
        TextDelta(content="Let me "),
        TextDelta(content="look.", tool_calls=[CALL]),
        answered(),
    )

    last = events[-1]["response"]
    assert [item["type"] for item in last["output"]] == ["reasoning", "message", "function_call"]
    assert last["output"][0]["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    assert last["output"][1]["content"][0]["text"] == "Let me look."
    assert last["output"][2]["arguments"] == '{"city":"Köln"}'
    assert last["usage"]["input_tokens_details"] == {"cached_tokens": 3, "cache_write_tokens": 0}
    done = [event for event in events if event["type"] == "response.output_item.done"]
    assert [event["output_index"] for event in done] == [0, 1, 2]
    assert [event["item"] for event in done] == last["output"]
    added = [event for event in events if event["type"] == "response.output_item.added"]
    assert [event["item"]["id"] for event in added] == [item["id"] for item in last["output"]]
    assert {event["item"]["status"] for event in added} == {"in_progress"}


def test_an_answer_without_text_is_an_empty_message() -> None:
    (message,) = events_of(answered())[-1]["response"]["output"]

    assert message["content"][0]["text"] == ""


def test_an_error_in_the_middle_is_a_failed_response() -> None:
    stream = ResponseStream(parse_response({"model": "tiny", "input": "Hi"}))
    stream.feed(TextDelta(content="Hi"))

    event = json.loads(stream.fail(RunnerDied("tiny", -9)).decode().split("data: ")[1])

    assert event["type"] == "response.failed"
    assert event["response"]["status"] == "failed"
    assert "unexpectedly stopped" in event["response"]["error"]["message"]


def test_a_whole_response_with_a_call_and_nothing_said() -> None:
    asked = parse_response({"model": "tiny", "input": "Hi"})
    gathered = Gathered(content="", thinking="", tool_calls=[CALL], logprobs=(), answered=answered())

    response = whole_response(asked, gathered)

    (call,) = response["output"]
    assert (call["type"], call["name"], call["call_id"]) == ("function_call", "weather", "call_7")
    assert response["status"] == "completed"
