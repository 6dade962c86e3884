from __future__ import annotations

import json
from typing import Any

import pytest

from inference.errors import RunnerDied
from inference.runner.types import RunnerFinished, TextDelta, TokenProbability
from inference.server.answers import Answered, AnswerEvent
from inference.server.bodies import AnswerBody
from inference.server.gathering import Gathered
from inference.server.openai.bodies import Asked
from inference.server.openai.chat import ChatStream, whole_chat
from inference.server.openai.completions import CompletionStream, whole_completion
from inference.server.several import Numbered
from inference.server.sse import StreamWriter
from inference.types import FinishReason, Progress, ToolCall

CALL = ToolCall(name="weather", arguments={"city": "Köln"}, id="call_7")
EURO = "€".encode()
TOKENS = (
    TokenProbability(piece=b"A", logprob=-0.5, top=[TokenProbability(piece=b"B", logprob=-1.5)]),
    TokenProbability(piece=EURO[:1], logprob=-0.25),
)


def asked(*, tells_usage: bool = False, top_logprobs: int | None = None, n: int = 1) -> Asked:
    body = AnswerBody(model="tiny", messages=[], top_logprobs=top_logprobs)
    return Asked(answer=body, stream=True, tells_usage=tells_usage, n=n)


def answered(reason: FinishReason = "stop") -> Answered:
    counts = RunnerFinished(
        reason="stop", prompt_tokens=7, answer_tokens=2, prompt_s=0.1, answer_s=0.2, cached_tokens=3
    )
    return Answered(reason=reason, counts=counts, total_s=1, load_s=0)


def written(writer: StreamWriter[Numbered], *events: AnswerEvent) -> list[Any]:
    """Return the data of all events of a stream with one choice; `[DONE]` stays text."""
    return data_of(writer, *((0, event) for event in events))


def data_of(writer: StreamWriter[Numbered], *events: Numbered) -> list[Any]:
    text = b"".join(writer.feed(event) for event in events).decode()
    assert text.endswith("\n\n")
    data = [line.removeprefix("data: ") for line in text.removesuffix("\n\n").split("\n\n")]
    return [line if line == "[DONE]" else json.loads(line) for line in data]


def test_a_stream_tells_role_pieces_reason_and_end() -> None:
    role, piece, last, done = written(ChatStream(asked()), TextDelta(content="Hi"), answered())

    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert piece["choices"] == [{"index": 0, "delta": {"content": "Hi"}, "logprobs": None, "finish_reason": None}]
    assert last["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]
    assert {chunk["object"] for chunk in (role, piece, last)} == {"chat.completion.chunk"}
    assert "usage" not in last
    assert done == "[DONE]"


def test_an_answer_without_text_still_has_a_role_and_an_end() -> None:
    role, last, done = written(ChatStream(asked()), answered("length"))

    assert role["choices"][0]["delta"]["role"] == "assistant"
    assert last["choices"][0]["finish_reason"] == "length"
    assert done == "[DONE]"


def test_counts_come_in_a_chunk_of_their_own() -> None:
    *chunks, counted, _done = written(ChatStream(asked(tells_usage=True)), TextDelta(content="Hi"), answered())

    assert [chunk["usage"] for chunk in chunks] == [None] * 3
    assert counted["choices"] == []
    assert counted["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 3},
    }


def test_progress_is_no_part_of_openai_s_stream() -> None:
    assert ChatStream(asked()).feed((0, Progress(state="queued"))) == b""


def test_thinking_has_both_of_its_names() -> None:
    _role, piece, *_ = written(ChatStream(asked()), TextDelta(thinking="Hm."), answered())

    assert piece["choices"][0]["delta"] == {"reasoning": "Hm.", "reasoning_content": "Hm."}


def test_tool_calls_are_numbered_over_the_whole_stream() -> None:
    events = [TextDelta(tool_calls=[CALL]), TextDelta(tool_calls=[ToolCall(name="clock")]), answered()]

    _role, first, second, last, _done = written(ChatStream(asked()), *events)

    assert first["choices"][0]["delta"]["tool_calls"] == [
        {
            "index": 0,
            "id": "call_7",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city":"Köln"}'},
        }
    ]
    (call,) = second["choices"][0]["delta"]["tool_calls"]
    assert call["index"] == 1
    assert call["id"].startswith("call_")
    assert last["choices"][0]["finish_reason"] == "tool_calls"


def test_probabilities_are_told_with_the_bytes_of_tokens_that_are_no_text() -> None:
    _role, piece, *_ = written(ChatStream(asked(top_logprobs=1)), TextDelta(content="A", logprobs=TOKENS), answered())

    assert piece["choices"][0]["logprobs"] == {
        "content": [
            {
                "token": "A",
                "logprob": -0.5,
                "bytes": [65],
                "top_logprobs": [{"token": "B", "logprob": -1.5, "bytes": [66]}],
            },
            {"token": "\ufffd", "logprob": -0.25, "bytes": [0xE2], "top_logprobs": []},
        ],
        "refusal": None,
    }


def test_an_error_in_the_middle_is_told_and_ends_the_stream() -> None:
    stream = ChatStream(asked())
    stream.feed((0, TextDelta(content="Hi")))

    told, done = stream.fail(RunnerDied("tiny", -9)).decode().removesuffix("\n\n").split("\n\n")

    error = json.loads(told.removeprefix("data: "))["error"]
    assert (error["type"], error["code"]) == ("server_error", "runner_died")
    assert done == "data: [DONE]"


@pytest.mark.parametrize("kind", [ChatStream, CompletionStream])
def test_choices_grow_side_by_side_and_end_together(kind: type[ChatStream | CompletionStream]) -> None:
    first, second = TextDelta(content="one"), TextDelta(content="two")

    *chunks, counted, done = data_of(
        kind(asked(n=2, tells_usage=True)), (1, second), (0, first), (1, answered("length")), (0, answered())
    )

    (told,) = zip(*(chunk["choices"] for chunk in chunks), strict=True)
    texts = ["", ""]
    for choice in told:
        texts[choice["index"]] += choice["text"] if "text" in choice else choice["delta"].get("content", "")
    assert texts == ["one", "two"]
    reasons = {choice["index"]: choice["finish_reason"] for choice in told if choice["finish_reason"]}
    assert reasons == {0: "stop", 1: "length"}
    # The prompt is counted once.
    assert (counted["usage"]["prompt_tokens"], counted["usage"]["completion_tokens"]) == (7, 4)
    assert done == "[DONE]"


def test_a_whole_answer_with_calls_has_no_text() -> None:
    gathered = Gathered(content="", thinking="Hm.", tool_calls=[CALL], logprobs=(), answered=answered())

    (choice,) = whole_chat(asked(), [gathered])["choices"]

    assert choice["message"]["content"] is None
    assert choice["message"]["reasoning"] == "Hm."
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "weather"
    assert choice["finish_reason"] == "tool_calls"


def test_a_whole_answer_without_text_is_empty_text() -> None:
    gathered = Gathered(content="", thinking="", tool_calls=(), logprobs=(), answered=answered())

    (choice,) = whole_chat(asked(), [gathered])["choices"]

    assert choice["message"] == {"role": "assistant", "content": "", "refusal": None}
    assert choice["logprobs"] is None


def test_a_completion_streams_text() -> None:
    piece, last, counted, done = written(
        CompletionStream(asked(tells_usage=True)), TextDelta(content="Hi"), answered("length")
    )

    assert piece["choices"] == [{"index": 0, "text": "Hi", "logprobs": None, "finish_reason": None}]
    assert last["choices"][0]["finish_reason"] == "length"
    assert counted["usage"]["total_tokens"] == 9
    assert done == "[DONE]"


def test_a_completion_tells_probabilities_as_lists_with_offsets() -> None:
    stream = CompletionStream(asked(top_logprobs=1))

    first, second, *_ = written(
        stream, TextDelta(content="A", logprobs=TOKENS[:1]), TextDelta(content="bc"), answered()
    )

    assert first["choices"][0]["logprobs"] == {
        "tokens": ["A"],
        "token_logprobs": [-0.5],
        "top_logprobs": [{"B": -1.5}],
        "text_offset": [0],
    }
    assert second["choices"][0]["logprobs"]["tokens"] == []


def test_a_whole_completion() -> None:
    gathered = Gathered(content="A", thinking="", tool_calls=(), logprobs=TOKENS[:1], answered=answered())

    whole = whole_completion(asked(top_logprobs=0), [gathered])

    assert whole["object"] == "text_completion"
    assert whole["choices"][0]["text"] == "A"
    assert whole["choices"][0]["logprobs"]["tokens"] == ["A"]
    assert whole["usage"]["completion_tokens"] == 2
