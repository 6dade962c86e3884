from __future__ import annotations

import json
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from inference.dialects import ollama
from inference.dialects.errors import MalformedStream
from inference.dialects.ollama import OllamaChatDecoder
from inference.errors import UpstreamRefused
from inference.types import ChatEvent, ChatMessage, ChatRequest, Delta, Finished, Options, Progress, Usage

LAST = {
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "length",
    "total_duration": 3_500_000_000,
    "load_duration": 500_000_000,
    "prompt_eval_count": 12,
    "prompt_eval_duration": 1_000_000_000,
    "eval_count": 7,
    "eval_duration": 2_000_000_000,
}
USAGE = Usage(prompt_tokens=12, answer_tokens=7, total_s=3.5, load_s=0.5, prompt_s=1.0, answer_s=2.0)


def line(content: object = "", **message: object) -> dict[str, Any]:
    return {"model": "tiny", "message": {"role": "assistant", "content": content, **message}, "done": False}


def stream(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in lines)


def decode(*pieces: bytes, tells_progress: bool = False) -> tuple[list[ChatEvent], OllamaChatDecoder]:
    decoder = OllamaChatDecoder(tells_progress=tells_progress)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [*events, *decoder.finish()], decoder


def texts(events: list[ChatEvent]) -> tuple[str, str]:
    deltas = [event for event in events if isinstance(event, Delta)]
    return "".join(d.content for d in deltas), "".join(d.thinking for d in deltas)


def test_a_stream_may_be_split_anywhere() -> None:
    data = stream(line("<thi"), line("nk>hä</th"), line("ink> ja"), line("€😀"), LAST)

    for position in range(len(data) + 1):
        events, decoder = decode(data[:position], data[position:])
        assert texts(events) == ("ja€😀", "hä"), f"split at {position}"
        assert events[-1] == Finished(reason="length", usage=USAGE)
        assert decoder.is_finished
        assert decoder.error is None


def test_the_last_line_of_our_own_server_tells_more() -> None:
    measures = {"queue_s": 0.2, "load_s": 0.3, "token_s_p50": 0.01, "token_s_p95": 0.02, "cached_tokens": 5}

    events, _ = decode(stream(LAST | {"hearth": measures}))

    assert events[-1].usage == replace(  # type: ignore[union-attr]  # finished
        USAGE, queue_s=0.2, load_s=0.3, token_p50_s=0.01, token_p95_s=0.02, cached_tokens=5
    )


@pytest.mark.parametrize("hearth", ["no", {"queue_s": "x", "load_s": [], "token_s_p50": None, "cached_tokens": -3}])
def test_what_calls_itself_our_own_server_and_tells_nonsense_is_not_believed(hearth: object) -> None:
    events, _ = decode(stream(LAST | {"hearth": hearth}))

    assert events[-1] == Finished(reason="length", usage=USAGE)


def test_all_text_of_one_read_is_one_delta() -> None:
    events, _ = decode(stream(line("a"), line("b"), line("c", thinking="x")))

    assert events == [Delta(content="abc", thinking="x")]


def test_a_possible_beginning_of_a_tag_is_given_up_at_the_end() -> None:
    events, _ = decode(stream(line("<thi"), LAST))

    assert texts(events) == ("<thi", "")


def test_nothing_after_the_end_counts() -> None:
    events, decoder = decode(stream(line("a"), LAST, line("b"), {"error": "late"}))

    assert texts(events) == ("a", "")
    assert decoder.error is None


def test_an_error_with_a_code_keeps_the_status_that_came_too_late() -> None:
    _, decoder = decode(stream(line(""), {"error": "the prompt has 9,000 tokens", "code": "invalid_request"}))

    assert isinstance(decoder.error, UpstreamRefused)
    assert decoder.error.status == 400


def test_an_error_ends_the_stream_after_the_text_before_it() -> None:
    events, decoder = decode(stream(line("a"), {"error": "out\nof  memory"}, line("b")))

    assert events == [Delta(content="a")]
    assert isinstance(decoder.error, UpstreamRefused)
    assert decoder.error.detail == "out of memory"
    assert not decoder.is_finished


def test_nonsense_ends_the_stream_after_the_text_before_it() -> None:
    events, decoder = decode(stream(line("a")) + b"<html>\n" + stream(line("b")))

    assert events == [Delta(content="a")]
    assert isinstance(decoder.error, MalformedStream)


@pytest.mark.parametrize(
    "values",
    [
        {"message": "text"},
        {"message": None},
        {"message": {"content": 7, "thinking": ["x"]}},
        {"message": [1]},
        {"done": "true"},
        {"event": "chat:message", "type": "execute", "data": {"content": "x"}},
        {"hearth": {"state": "queued", "queue_position": 3}},
    ],
)
def test_fake_fields_add_nothing(values: dict[str, Any]) -> None:
    events, decoder = decode(stream(values, line("a"), LAST))

    assert texts(events) == ("a", "")
    assert {type(event) for event in events} == {Delta, Finished}
    assert decoder.error is None


@pytest.mark.parametrize("value", [-1, 2**31, 1.5, "7", None, True, [7]])
def test_a_dishonest_count_is_missing(value: object) -> None:
    events, _ = decode(stream(LAST | {"prompt_eval_count": value, "eval_count": value}))

    (last,) = events
    assert isinstance(last, Finished)
    assert (last.usage.prompt_tokens, last.usage.answer_tokens) == (None, None)


@pytest.mark.parametrize("value", [-1, 2**63, 1.5, "7", None, True])
def test_a_dishonest_duration_is_missing(value: object) -> None:
    (last,) = decode(stream(LAST | {"total_duration": value}))[0]

    assert isinstance(last, Finished)
    assert last.usage.total_s is None


def test_an_unknown_reason_to_finish_is_a_stop() -> None:
    (last,) = decode(stream(LAST | {"done_reason": "<script>"}))[0]

    assert isinstance(last, Finished)
    assert last.reason == "stop"


def test_our_own_server_tells_why_no_text_comes_yet() -> None:
    data = stream(
        line() | {"hearth": {"state": "queued", "queue_position": 2, "waited_s": 0.5}},
        line() | {"hearth": {"state": "loading", "waited_s": -3}},
        line() | {"hearth": {"state": "dancing"}},
        line("a"),
    )

    assert decode(data, tells_progress=True)[0] == [
        Progress(state="queued", queue_position=2, waited_s=0.5),
        Progress(state="loading"),
        Delta(content="a"),
    ]


def ask(**fields: Any) -> ChatRequest:
    return ChatRequest(model="box/tiny", messages=[ChatMessage(role="user", content="hi")], **fields)


def test_the_body_names_the_upstreams_own_model() -> None:
    assert ollama.chat_body(ask(), "tiny", num_ctx=None) == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "options": {},
    }


def test_a_context_window_that_was_asked_for_wins() -> None:
    request = ask(options=Options(num_ctx=512, temperature=0.0), keep_alive_s=90.0)

    body = ollama.chat_body(request, "tiny", num_ctx=8192)

    assert body["options"] == {"num_ctx": 512, "temperature": 0.0}
    assert body["keep_alive"] == "90s"
    assert request.options == {"num_ctx": 512, "temperature": 0.0}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0s"), (0.25, "0.25s"), (300.0, "300s"), (12_345_678.0, "12345678s"), (inf, "-1s")]
)
def test_how_long_a_model_stays_is_written_as_go_reads_it(seconds: float, text: str) -> None:
    assert ollama.chat_body(ask(keep_alive_s=seconds), "tiny", num_ctx=None)["keep_alive"] == text


def test_what_was_not_asked_for_is_not_in_the_body() -> None:
    body = ollama.chat_body(ask(), "tiny", num_ctx=None)

    assert set(body) == {"model", "messages", "stream", "options"}


def test_thinking_a_format_and_images_are_sent() -> None:
    schema = {"type": "object"}
    question = ChatMessage(role="user", content="what is it", images=[b"\x89PNG"])
    request = ChatRequest(model="tiny", messages=[question], think="low", format=schema)

    body = ollama.chat_body(request, "tiny", num_ctx=None)

    assert body["messages"] == [{"role": "user", "content": "what is it", "images": ["iVBORw=="]}]
    assert (body["think"], body["format"]) == ("low", schema)


@pytest.mark.parametrize("body", [{}, {"models": None}, {"models": {"a": 1}}, {"error": "x"}])
def test_a_body_without_a_list_of_models_is_malformed(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedStream):
        ollama.listed_models(body)


def test_odd_entries_of_a_list_are_left_out_or_have_gaps() -> None:
    body = {"models": [7, None, {}, {"name": "", "model": None}, {"name": "a", "size": -1, "details": [], "digest": 4}]}

    (model,) = ollama.listed_models(body)

    assert model["name"] == "a"
    assert [value for key, value in model.items() if key != "name"] == [None] * 6


@pytest.mark.parametrize(
    ("body", "capability"),
    [
        ({}, "completion"),
        ({"capabilities": ["root", 7]}, "completion"),
        ({"capabilities": ["embedding"]}, "embedding"),
        ({"model_info": {"general.architecture": "bert", "bert.pooling_type": 1}}, "embedding"),
    ],
)
def test_capabilities_are_told_or_guessed(body: dict[str, Any], capability: str) -> None:
    assert ollama.shown_model(body)["capabilities"] == {capability}
