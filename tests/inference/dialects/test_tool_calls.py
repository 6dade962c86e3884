from __future__ import annotations

import json

import pytest

from inference.dialects import ollama, openai
from inference.dialects.errors import MalformedStream
from inference.dialects.ollama import OllamaChatDecoder
from inference.dialects.openai import OpenAIChatDecoder
from inference.dialects.tool_calls import MAX_CALLS, ToolCallAssembler, whole_calls, with_ids
from inference.types import ChatMessage, ChatRequest, Delta, Finished, Tool, ToolCall

ADD = Tool(name="add", description="Adds", parameters={"type": "object", "properties": {"a": {"type": "number"}}})
SCHEMA = {
    "type": "function",
    "function": {"name": "add", "description": "Adds", "parameters": ADD.parameters},
}
PNG = b"\x89PNG\r\n\x1a\n"

HISTORY = [
    ChatMessage(role="user", content="1 + 2?"),
    ChatMessage(
        role="assistant", content="", thinking="Add.", tool_calls=[ToolCall(name="add", arguments={"a": 1}, id="c1")]
    ),
    ChatMessage(role="tool", content="3", tool_name="add", tool_call_id="c1"),
]


def piece(index: int | None = 0, **fields: object) -> dict[str, object]:
    name = {key: fields.pop(key) for key in ("name", "arguments") if key in fields}
    return {"function": name, **({"index": index} if index is not None else {}), **fields}


def test_pieces_become_calls() -> None:
    assembler = ToolCallAssembler()

    assembler.feed([piece(0, id="a", name="add", arguments="")])
    assembler.feed([piece(0, arguments='{"a"'), piece(1, id="b", name="now")])
    assembler.feed([piece(0, arguments=": 1}")])
    assembler.feed(None)

    assert assembler.finish() == [ToolCall(name="add", arguments={"a": 1}, id="a"), ToolCall(name="now", id="b")]
    assert assembler.finish() == []


def test_whole_calls_need_no_index() -> None:
    assembler = ToolCallAssembler()

    assembler.feed([piece(None, name="add", arguments={"a": 1}), piece(None, name="now")])

    assert assembler.finish() == [ToolCall(name="add", arguments={"a": 1}), ToolCall(name="now")]


@pytest.mark.parametrize("arguments", ['{"a"', "[1]", "7", '"x"'])
def test_arguments_that_are_no_object_are_an_error_unless_the_answer_was_cut_off(arguments: str) -> None:
    assembler = ToolCallAssembler()
    assembler.feed([piece(0, name="add", arguments=arguments)])
    with pytest.raises(MalformedStream):
        assembler.finish()

    assembler = ToolCallAssembler()
    assembler.feed([piece(0, name="now"), piece(1, name="add", arguments=arguments)])
    assert assembler.finish(is_cut=True) == [ToolCall(name="now")]


def test_calls_without_end_are_refused() -> None:
    assembler = ToolCallAssembler()

    with pytest.raises(MalformedStream):
        assembler.feed([piece(index, name="f") for index in range(MAX_CALLS + 1)])
    with pytest.raises(MalformedStream):
        for _ in range(20):
            assembler.feed([piece(0, arguments="x" * 100_000)])


def test_whole_calls_of_a_stranger_are_read_with_care() -> None:
    assert whole_calls("x") == whole_calls([7, {}, {"function": {"name": 7}}]) == []
    assert whole_calls([{"function": {"name": "f", "arguments": '{"a": 1}'}}]) == [
        ToolCall(name="f", arguments={"a": 1})
    ]
    with pytest.raises(MalformedStream):
        whole_calls([{"function": {"name": "f", "arguments": [1]}}])


def test_results_are_tied_to_calls_by_name_or_order() -> None:
    calls = [ToolCall(name="add"), ToolCall(name="now"), ToolCall(name="add")]
    results = [ChatMessage(role="tool", content=str(n), tool_name=name) for n, name in enumerate(("now", "add", ""))]

    tied = with_ids([ChatMessage(role="assistant", content="", tool_calls=calls), *results])

    assert [call.id for call in tied[0].tool_calls] == ["000000001", "000000002", "000000003"]
    assert [(message.tool_name, message.tool_call_id) for message in tied[1:]] == [
        ("now", "000000002"),
        ("add", "000000001"),
        ("add", "000000003"),
    ]


def test_ids_of_others_become_short_where_that_is_demanded() -> None:
    tied = with_ids(HISTORY, short=True)

    assert tied[1].tool_calls[0].id == tied[2].tool_call_id == "000000001"
    assert with_ids(HISTORY) == HISTORY


def test_ollama_gets_tools_calls_and_results() -> None:
    request = ChatRequest(model="m", messages=HISTORY, tools=[ADD])

    body = ollama.chat_body(request, "m", num_ctx=None)

    assert body["tools"] == [SCHEMA]
    assert body["messages"] == [
        {"role": "user", "content": "1 + 2?"},
        {
            "role": "assistant",
            "content": "",
            "thinking": "Add.",
            "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}, "id": "c1"}],
        },
        {"role": "tool", "content": "3", "tool_name": "add", "tool_call_id": "c1"},
    ]


def test_openai_gets_tools_calls_results_images_and_formats() -> None:
    image = ChatMessage(role="user", content="What?", images=[PNG])
    request = ChatRequest(model="m", messages=[*HISTORY, image], tools=[ADD], format={"type": "object"}, think="high")

    body = openai.chat_body(request, "m")

    assert body["tools"] == [SCHEMA]
    assert body["reasoning_effort"] == "high"
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}],
        },
        {"role": "tool", "content": "3", "tool_call_id": "c1"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            ],
        },
    ]


def test_openai_gets_an_id_for_calls_that_have_none() -> None:
    call = ChatMessage(role="assistant", content="", tool_calls=[ToolCall(name="now")])
    result = ChatMessage(role="tool", content="12:00", tool_name="now")

    body = openai.chat_body(ChatRequest(model="m", messages=[call, result], format="json"), "m")

    assert body["messages"][0]["tool_calls"][0]["id"] == body["messages"][1]["tool_call_id"] == "000000001"
    assert body["response_format"] == {"type": "json_object"}


def test_calls_of_ollama_come_back() -> None:
    lines = [
        {
            "message": {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": {"name": "now", "arguments": {}}}],
            }
        },
        {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"},
    ]
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    for position in range(len(data) + 1):
        decoder = OllamaChatDecoder()
        events = [*decoder.feed(data[:position]), *decoder.feed(data[position:]), *decoder.finish()]
        assert events == [Delta(tool_calls=(ToolCall(name="now"),)), Finished(reason="tool_calls")]


def test_calls_of_openai_come_back() -> None:
    deltas = [
        {"tool_calls": [piece(0, id="c1", name="add", arguments="")]},
        {"tool_calls": [piece(0, arguments='{"a": ')]},
        {"tool_calls": [piece(0, arguments="1}")]},
    ]
    chunks = [{"choices": [{"delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
    data = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"

    for position in range(len(data) + 1):
        decoder = OpenAIChatDecoder()
        events = [*decoder.feed(data[:position]), *decoder.feed(data[position:]), *decoder.finish()]
        assert events == [
            Delta(tool_calls=(ToolCall(name="add", arguments={"a": 1}, id="c1"),)),
            Finished(reason="tool_calls"),
        ]


def test_a_call_of_openai_that_is_no_json_ends_the_stream_with_an_error() -> None:
    chunk = {"choices": [{"delta": {"tool_calls": [piece(0, name="f", arguments="{")]}, "finish_reason": "tool_calls"}]}
    decoder = OpenAIChatDecoder()

    events = decoder.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    assert events == []
    assert isinstance(decoder.error, MalformedStream)
