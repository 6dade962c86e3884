from __future__ import annotations

import json
from typing import Any

import pytest

from inference.dialects import openai
from inference.dialects.errors import MalformedStream
from inference.dialects.openai import OpenAIChatDecoder
from inference.errors import UpstreamRefused
from inference.types import ChatEvent, ChatMessage, ChatRequest, Delta, Finished, Options, Usage


def chunk(content: object = None, *, reason: object = None, **delta: object) -> dict[str, Any]:
    fields = delta | ({"content": content} if content is not None else {})
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": fields, "finish_reason": reason}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}}
DONE = "data: [DONE]\n\n"


def stream(*values: dict[str, Any] | str) -> bytes:
    parts = [v if isinstance(v, str) else f"data: {json.dumps(v, ensure_ascii=False)}\n\n" for v in values]
    return "".join(parts).encode()


def decode(*pieces: bytes) -> tuple[list[ChatEvent], OpenAIChatDecoder]:
    decoder = OpenAIChatDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [*events, *decoder.finish()], decoder


def texts(events: list[ChatEvent]) -> tuple[str, str]:
    deltas = [event for event in events if isinstance(event, Delta)]
    return "".join(d.content for d in deltas), "".join(d.thinking for d in deltas)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_stream_may_be_split_anywhere(ending: str) -> None:
    values = (chunk("", role="assistant"), ": ping\n\n", chunk("jä"), chunk("€😀"), chunk(reason="length"), USAGE, DONE)
    data = stream(*values).decode().replace("\n", ending).encode()

    for position in range(len(data) + 1):
        events, decoder = decode(data[:position], data[position:])
        assert texts(events) == ("jä€😀", ""), f"split at {position}"
        assert events[-1] == Finished(reason="length", usage=Usage(prompt_tokens=12, answer_tokens=7))
        assert decoder.error is None


def test_all_text_of_one_read_is_one_delta() -> None:
    assert decode(stream(chunk("a"), chunk("b"), chunk("c")))[0] == [Delta(content="abc")]


def test_a_missing_done_is_no_loss_once_a_reason_was_given() -> None:
    events, decoder = decode(stream(chunk("a"), chunk(reason="stop"), USAGE))

    assert events[-1] == Finished(reason="stop", usage=Usage(prompt_tokens=12, answer_tokens=7))
    assert decoder.is_finished


def test_an_end_without_any_reason_is_no_end() -> None:
    events, decoder = decode(stream(chunk("a")))

    assert events == [Delta(content="a")]
    assert not decoder.is_finished


def test_nothing_after_the_end_counts() -> None:
    events, decoder = decode(stream(chunk("a"), DONE, chunk("b"), {"error": "late"}))

    assert texts(events) == ("a", "")
    assert decoder.error is None


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_comes_apart(key: str) -> None:
    events, _ = decode(stream(chunk(**{key: "hm"}), chunk("a"), DONE))

    assert texts(events) == ("a", "hm")


def test_reasoning_inside_the_text_comes_apart() -> None:
    events, _ = decode(stream(chunk("<think>h"), chunk("m</think>"), chunk("\n\na"), DONE))

    assert texts(events) == ("a", "hm")


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        ('data: {"error": {"message": "overloaded", "code": 529}}\n\n', "overloaded"),
        ('data: {"error": "overloaded"}\n\n', "overloaded"),
        ('event: error\ndata: {"message": "overloaded"}\n\n', "overloaded"),
        ('event: error\ndata: {"error": {"message": "overloaded"}}\n\n', "overloaded"),
        ('data: {"error": {"code": 529}}\n\n', ""),
    ],
)
def test_an_error_ends_the_stream_after_the_text_before_it(data: str, detail: str) -> None:
    events, decoder = decode(stream(chunk("a"), data, chunk("b"), DONE))

    assert events == [Delta(content="a")]
    assert isinstance(decoder.error, UpstreamRefused)
    assert decoder.error.detail == detail


def test_nonsense_ends_the_stream_after_the_text_before_it() -> None:
    events, decoder = decode(stream(chunk("a"), "data: <html>\n\n", chunk("b")))

    assert events == [Delta(content="a")]
    assert isinstance(decoder.error, MalformedStream)


@pytest.mark.parametrize(
    "value",
    [
        "data:\n\n",
        'event: execute\ndata: {"choices": [{"delta": {"content": "evil"}}]}\n\n',
        {"type": "execute", "code": "alert(1)"},
        {"choices": "text"},
        {"choices": [7]},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": {"content": 7}}]},
        {"choices": [{"delta": {"content": ["x"], "tool_calls": [{"function": {"name": 7}}, "rm"]}}]},
        {"choices": [], "usage": "many"},
        {"choices": [], "error": None},
    ],
)
def test_fake_fields_and_foreign_events_add_nothing(value: dict[str, Any] | str) -> None:
    events, decoder = decode(stream(value, chunk("a"), DONE))

    assert events == [Delta(content="a"), Finished(reason="stop")]
    assert decoder.error is None


@pytest.mark.parametrize("value", [-1, 2**31, 1.5, "7", None, True])
def test_a_dishonest_count_is_missing(value: object) -> None:
    events, _ = decode(stream({"choices": [], "usage": {"prompt_tokens": value, "completion_tokens": value}}, DONE))

    assert events == [Finished(reason="stop")]


def test_only_the_first_choice_counts() -> None:
    value = {"choices": [{"delta": {"content": "a"}}, {"delta": {"content": "b"}}]}

    assert texts(decode(stream(value, DONE))[0]) == ("a", "")


@pytest.mark.parametrize("num_predict", [-1, -2, 0])
def test_no_limit_is_no_number(num_predict: int) -> None:
    request = ChatRequest(
        model="m", messages=[ChatMessage(role="user", content="hi")], options=Options(num_predict=num_predict)
    )

    assert "max_tokens" not in openai.chat_body(request, "m")


def test_what_a_model_can_hold_is_read_where_servers_say_it() -> None:
    body = {
        "data": [
            {"id": "vllm", "max_model_len": 4096},
            {"id": "router", "context_length": 8192},
            {"id": "text-embedding-3-small"},
            {"id": 7},
            "text",
        ]
    }

    assert [(m["name"], m["context_length"], m["is_embedding"]) for m in openai.listed_models(body)] == [
        ("vllm", 4096, False),
        ("router", 8192, False),
        ("text-embedding-3-small", None, True),
    ]


@pytest.mark.parametrize("body", [{}, {"data": None}, {"object": "list"}, {"models": []}])
def test_a_body_without_a_list_of_models_is_malformed(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedStream):
        openai.listed_models(body)


@pytest.mark.parametrize("data", [None, 7, ["x", {"index": True}], [{"embedding": [1.0], "index": "0"}]])
def test_rows_without_an_honest_index_keep_their_place(data: object) -> None:
    assert openai.embeddings({"data": data}) == [
        row.get("embedding") if isinstance(row, dict) else None for row in (data if isinstance(data, list) else [])
    ]


def test_embeddings_come_in_the_order_of_the_texts() -> None:
    data = [{"index": 10, "embedding": [3.0]}, {"index": 9, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]

    assert openai.embeddings({"data": data}) == [[1.0], [2.0], [3.0]]
