"""What every server that speaks OpenAI's routes under `/v1` answers, judged by OpenAI's own client where it can."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam
from openai.types.responses import FunctionToolParam

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello."}]
PARAMETERS: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
}
WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Tells the weather.", "parameters": PARAMETERS},
}
FLAT_WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "parameters": PARAMETERS,
    "strict": False,
}
MOOD: dict[str, object] = {
    "type": "object",
    "properties": {"mood": {"enum": ["glad", "sad"]}, "sure": {"type": "boolean"}},
    "required": ["mood", "sure"],
    "additionalProperties": False,
}
CITY = {"city": "Zürich", "days": 3}
ROUTES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"messages": MESSAGES}),
    ("/v1/completions", {"prompt": "Say hello."}),
    ("/v1/embeddings", {"input": "a"}),
    ("/v1/responses", {"input": "Say hello."}),
]


def openai_client(server: httpx.Client, *, is_strict: bool) -> OpenAI:
    return OpenAI(
        base_url=f"{server.base_url}/v1",
        api_key="none",
        max_retries=0,
        http_client=server,
        _strict_response_validation=is_strict,
    )


@pytest.fixture
def client(server: httpx.Client) -> OpenAI:
    """OpenAI's client, which here refuses an answer that is not of the documented shape."""
    return openai_client(server, is_strict=True)


def events_of(response: httpx.Response) -> list[str]:
    """Return what the events of a stream hold."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    return [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]


def assert_is_error(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json")
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert isinstance(error["type"], str)
    return error


def test_a_chat_is_answered_whole(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny", messages=MESSAGES)

    (choice,) = answer.choices
    assert answer.object == "chat.completion"
    assert (choice.index, choice.finish_reason, choice.message.role) == (0, "stop", "assistant")
    assert choice.message.content
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.completion_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@pytest.mark.parametrize("wants_usage", [False, True])
def test_a_chat_streams_the_role_the_pieces_the_reason_and_the_end(wants_usage: bool, server: httpx.Client) -> None:
    asked: dict[str, Any] = {"model": "tiny", "messages": MESSAGES, "stream": True}
    asked |= {"stream_options": {"include_usage": True}} if wants_usage else {}

    *events, done = events_of(server.post("/v1/chat/completions", json=asked))

    assert done == "[DONE]"
    chunks = [json.loads(event) for event in events]
    assert {(chunk["object"], chunk["model"]) for chunk in chunks} == {("chat.completion.chunk", "tiny")}
    assert len({chunk["id"] for chunk in chunks}) == 1
    counted = chunks.pop() if wants_usage else None
    assert [choice["index"] for chunk in chunks for choice in chunk["choices"]] == [0] * len(chunks)
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    if counted is not None:
        assert counted["choices"] == []
        assert counted["usage"]["total_tokens"] > 1


def test_several_choices_are_given_and_the_prompt_is_counted_once(client: OpenAI) -> None:
    one = client.chat.completions.create(model="tiny", messages=MESSAGES, seed=1)
    three = client.chat.completions.create(model="tiny", messages=MESSAGES, seed=1, n=3)

    assert [choice.index for choice in three.choices] == [0, 1, 2]
    assert all(choice.message.content and choice.finish_reason == "stop" for choice in three.choices)
    assert one.usage is not None
    assert three.usage is not None
    assert three.usage.prompt_tokens == one.usage.prompt_tokens
    assert three.usage.completion_tokens == 3 * one.usage.completion_tokens


@pytest.mark.parametrize(
    ("path", "extra"), [("/v1/chat/completions", {"messages": MESSAGES}), ("/v1/completions", {"prompt": "Hi"})]
)
def test_several_choices_stream(path: str, extra: dict[str, Any], server: httpx.Client) -> None:
    asked = {"model": "tiny", "n": 2, "stream": True, "stream_options": {"include_usage": True}} | extra

    *events, counted, done = events_of(server.post(path, json=asked))

    assert done == "[DONE]"
    texts = ["", ""]
    reasons: list[list[str]] = [[], []]
    for event in events:
        (choice,) = json.loads(event)["choices"]
        texts[choice["index"]] += choice["delta"].get("content") or "" if "delta" in choice else choice["text"]
        reasons[choice["index"]] += [choice["finish_reason"]] if choice["finish_reason"] else []
    assert all(texts)
    assert reasons == [["stop"], ["stop"]]
    assert json.loads(counted)["choices"] == []


def test_a_prompt_is_completed(client: OpenAI) -> None:
    answer = client.completions.create(model="tiny", prompt="Say hello.")

    (choice,) = answer.choices
    assert (answer.object, choice.index, choice.finish_reason) == ("text_completion", 0, "stop")
    assert choice.text
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


def test_a_completion_streams(server: httpx.Client) -> None:
    asked = {"model": "tiny", "prompt": "Say hello.", "stream": True, "stream_options": {"include_usage": True}}

    *events, counted, done = events_of(server.post("/v1/completions", json=asked))

    assert done == "[DONE]"
    choices = [json.loads(event)["choices"][0] for event in events]
    assert "".join(choice["text"] for choice in choices)
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]
    assert json.loads(counted)["choices"] == []
    assert json.loads(counted)["usage"]["completion_tokens"] > 0


def test_a_tool_is_called_with_its_arguments(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="caller", messages=MESSAGES, tools=[WEATHER])

    (choice,) = answer.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    assert call.id
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", CITY)


def test_a_tool_call_streams(client: OpenAI) -> None:
    with client.chat.completions.stream(model="caller", messages=MESSAGES, tools=[WEATHER]) as stream:
        final = stream.get_final_completion()

    assert final.choices[0].finish_reason == "tool_calls"
    assert final.choices[0].message.tool_calls is not None
    assert json.loads(final.choices[0].message.tool_calls[0].function.arguments) == CITY


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_a_model_without_tools_refuses_them(path: str, server: httpx.Client) -> None:
    asked = {"model": "tiny", "messages": MESSAGES, "input": "Hi"}

    error = assert_is_error(server.post(path, json=asked | {"tools": [dict(WEATHER) | dict(FLAT_WEATHER)]}), 400)

    assert "does not support tools" in error["message"]


def test_an_answer_follows_a_schema(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="tiny",
        messages=MESSAGES,
        response_format={"type": "json_schema", "json_schema": {"name": "mood", "schema": MOOD}},
    )

    assert_is_mood(answer.choices[0].message.content)


def test_a_response_follows_a_schema(client: OpenAI) -> None:
    answer = client.responses.create(
        model="tiny", input="Hi", text={"format": {"type": "json_schema", "name": "mood", "schema": MOOD}}
    )

    assert_is_mood(answer.output_text)


def assert_is_mood(text: str | None) -> None:
    told = json.loads(text or "")
    assert set(told) == {"mood", "sure"}
    assert told["mood"] in ("glad", "sad")
    assert isinstance(told["sure"], bool)


def test_a_stop_string_ends_the_answer_before_it(client: OpenAI) -> None:
    whole = client.chat.completions.create(model="tiny", messages=MESSAGES).choices[0].message.content or ""
    word = whole.split()[2]

    for stop in (word, ["nowhere to be found", word]):
        choice = client.chat.completions.create(model="tiny", messages=MESSAGES, stop=stop).choices[0]

        assert choice.finish_reason == "stop"
        assert (choice.message.content or "").rstrip() == whole[: whole.index(word)].rstrip()


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_a_limit_cuts_the_answer_and_says_so(limit: str, server: httpx.Client) -> None:
    answer = server.post("/v1/chat/completions", json={"model": "tiny", "messages": MESSAGES, limit: 2}).json()

    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 2


def test_embeddings_are_numbers_or_their_bytes(server: httpx.Client) -> None:
    asked = {"model": "embed", "input": ["one text", "another"]}
    plain = server.post("/v1/embeddings", json=asked).json()
    packed = server.post("/v1/embeddings", json=asked | {"encoding_format": "base64"}).json()

    assert (plain["object"], plain["model"]) == ("list", "embed")
    assert [entry["index"] for entry in plain["data"]] == [0, 1]
    for one, other in zip(plain["data"], packed["data"], strict=True):
        data = base64.b64decode(other["embedding"], validate=True)
        assert one["object"] == "embedding"
        assert list(struct.unpack(f"<{len(data) // 4}f", data)) == pytest.approx(one["embedding"], abs=1e-6)
    assert plain["usage"]["prompt_tokens"] == plain["usage"]["total_tokens"] > 0


def test_the_client_understands_embeddings(server: httpx.Client) -> None:
    # It asks for base64 by itself, which its own description of the answer does not know.
    client = openai_client(server, is_strict=False)
    (embedding,) = client.embeddings.create(model="embed", input="one text").data

    assert sum(value * value for value in embedding.embedding) == pytest.approx(1, abs=1e-3)


def test_an_unknown_encoding_is_a_bad_request(server: httpx.Client) -> None:
    asked = {"model": "embed", "input": "a", "encoding_format": "hex"}

    assert_is_error(server.post("/v1/embeddings", json=asked), 400)


def test_models_are_listed_and_found_by_name(client: OpenAI) -> None:
    listed = {model.id: model for model in client.models.list()}

    assert {"tiny:latest", "slow:latest", "caller:latest", "embed:latest"} <= set(listed)
    assert listed["tiny:latest"].object == "model"
    assert listed["tiny:latest"].created > 1_600_000_000
    assert client.models.retrieve("tiny").id == "tiny"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")


def test_a_response_is_given_whole(client: OpenAI) -> None:
    response = client.responses.create(model="tiny", input="Say hello.")

    assert (response.object, response.status, response.model) == ("response", "completed", "tiny")
    assert response.output_text
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 1


def test_a_response_that_is_cut_is_incomplete(client: OpenAI) -> None:
    response = client.responses.create(model="tiny", input="Say hello.", max_output_tokens=2)

    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"


def test_a_response_streams_its_events_in_order(client: OpenAI) -> None:
    events = list(client.responses.create(model="tiny", input="Say hello.", stream=True))

    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert set(kinds[4:-4]) == {"response.output_text.delta"}
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_a_response_calls_a_tool(client: OpenAI) -> None:
    with client.responses.stream(model="caller", input="Hi", tools=[FLAT_WEATHER]) as stream:
        (call,) = [item for item in stream.get_final_response().output if item.type == "function_call"]

    assert (call.name, json.loads(call.arguments)) == ("get_weather", CITY)
    assert call.call_id


@pytest.mark.parametrize(("path", "extra"), ROUTES)
def test_an_unknown_model_is_not_found(path: str, extra: dict[str, Any], server: httpx.Client) -> None:
    error = assert_is_error(server.post(path, json={"model": "nobody"} | extra), 404)

    assert "nobody" in error["message"]
    assert error["code"] == "model_not_found"


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_model_is_not_found_in_a_stream_either(stream: bool, server: httpx.Client) -> None:
    asked = {"model": "nobody", "messages": MESSAGES, "stream": stream}

    assert_is_error(server.post("/v1/chat/completions", json=asked), 404)


@pytest.mark.parametrize("path", [path for path, _ in ROUTES])
@pytest.mark.parametrize("body", [b"{", b"[]", b"'x'", b'"model"', b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_a_bad_request(path: str, body: bytes, server: httpx.Client) -> None:
    response = server.post(path, content=body, headers={"Content-Type": "application/json"})

    assert assert_is_error(response, 400)["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("path", "extra"),
    [
        ("/v1/chat/completions", {"model": 7, "messages": MESSAGES}),
        ("/v1/chat/completions", {"messages": "Hi"}),
        ("/v1/chat/completions", {"messages": ["Hi"]}),
        ("/v1/chat/completions", {"messages": []}),
        ("/v1/chat/completions", {"messages": MESSAGES, "stream": "yes"}),
        ("/v1/chat/completions", {"messages": MESSAGES, "temperature": "hot"}),
        ("/v1/chat/completions", {"messages": MESSAGES, "max_tokens": "many"}),
        ("/v1/chat/completions", {"messages": MESSAGES, "n": 0}),
        ("/v1/chat/completions", {"messages": MESSAGES, "n": 17}),
        ("/v1/chat/completions", {"messages": MESSAGES, "n": "2"}),
        ("/v1/completions", {"prompt": {}}),
        ("/v1/completions", {}),
        ("/v1/embeddings", {"input": 7}),
        ("/v1/embeddings", {}),
        ("/v1/responses", {"input": 7}),
        ("/v1/responses", {}),
    ],
)
def test_a_missing_field_or_one_of_another_type_is_a_bad_request(
    path: str, extra: dict[str, Any], server: httpx.Client
) -> None:
    error = assert_is_error(server.post(path, json={"model": "tiny"} | extra), 400)

    assert error["type"] == "invalid_request_error"


def test_a_model_that_only_embeds_does_not_chat(server: httpx.Client) -> None:
    response = server.post("/v1/chat/completions", json={"model": "embed", "messages": MESSAGES})

    assert "does not support chat" in assert_is_error(response, 400)["message"]


def test_a_client_that_leaves_does_not_hurt_the_next_one(server: httpx.Client) -> None:
    asked = {"model": "slow", "messages": MESSAGES, "stream": True}
    with server.stream("POST", "/v1/chat/completions", json=asked) as response:
        next(response.iter_raw(1))

    assert server.post("/v1/chat/completions", json={"model": "tiny", "messages": MESSAGES}).is_success
