"""OpenAI's own Python client, unchanged, against the real server with real models."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import cast

import openai
import pytest
from openai import OpenAI
from openai.types.chat import (
    ChatCompletionContentPartImageParam,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageParam,
)
from openai.types.responses import FunctionToolParam

from tests.doubles.model_server import ModelServer, seconds_until

pytestmark = pytest.mark.model

ANSWER = "Hello! I am a scripted test model; my answer is always this one."


@pytest.fixture(scope="module")
def client(model_server: ModelServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{model_server.url}/v1", api_key="unused", max_retries=0, timeout=60) as client:
        yield client


def test_a_chat_is_answered(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="scripted",
        messages=[
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]},
        ],
    )

    (choice,) = answer.choices
    assert (choice.message.role, choice.message.content) == ("assistant", ANSWER)
    assert choice.finish_reason == "stop"
    assert answer.object == "chat.completion"
    assert answer.model == "scripted"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens > 5


def test_a_chat_streams_its_pieces_and_the_counts_last(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="scripted",
        messages=[{"role": "user", "content": "Hi"}],
        stream=True,
        stream_options={"include_usage": True},
    )

    *chunks, counted = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert len({chunk.id for chunk in [*chunks, counted]}) == 1
    assert counted.choices == []
    assert counted.usage is not None
    assert counted.usage.completion_tokens > 5


def test_a_limit_ends_the_answer_and_is_told(client: OpenAI) -> None:
    for limit in ({"max_tokens": 3}, {"max_completion_tokens": 3}):
        answer = client.chat.completions.create(  # type: ignore[call-overload]
            model="slow", messages=[{"role": "user", "content": "Count"}], **limit
        )

        assert answer.choices[0].finish_reason == "length"
        assert answer.usage.completion_tokens == 3


def test_a_stop_string_ends_the_answer(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": "Hi"}], stop=["scripted"], temperature=0, seed=3
    )

    assert answer.choices[0].message.content == "Hello! I am a "
    assert answer.choices[0].finish_reason == "stop"


def test_leaving_a_stream_frees_its_slot(client: OpenAI, model_server: ModelServer) -> None:
    with client.chat.completions.create(
        model="slow", messages=[{"role": "user", "content": "Count"}], stream=True
    ) as stream:
        next(iter(stream))

    whole = client.chat.completions.create(model="slow", messages=[{"role": "user", "content": "Count"}], max_tokens=1)
    assert whole.choices[0].finish_reason == "length"


def test_several_choices_stream_side_by_side(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="slow",
        messages=[{"role": "user", "content": "Count"}],
        n=2,
        max_tokens=100,
        stream=True,
        stream_options={"include_usage": True},
    )

    *chunks, counted = list(stream)
    indices = [chunk.choices[0].index for chunk in chunks]
    # Both have slots, so the second begins long before the first ends.
    assert indices.index(1) < len(indices) - 1 - indices[::-1].index(0)
    reasons = {chunk.choices[0].index: chunk.choices[0].finish_reason for chunk in chunks}
    assert reasons == {0: "length", 1: "length"}
    assert counted.usage is not None
    assert counted.usage.completion_tokens == 200


def test_leaving_a_stream_of_several_choices_stops_all(client: OpenAI, model_server: ModelServer) -> None:
    def n_active() -> int:
        return (model_server.runner("slow:latest") or {}).get("n_active", 0)

    with client.completions.create(model="slow", prompt="Count", n=5, stream=True) as stream:
        next(iter(stream))
        assert n_active() == 2

    seconds_until(lambda: n_active() == 0, timeout_s=10)


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_is_completed(client: OpenAI, stream: bool) -> None:
    answer = client.completions.create(model="scripted", prompt="Once upon a time", stream=stream)

    if isinstance(answer, openai.Stream):
        chunks = list(answer)
        assert "".join(chunk.choices[0].text for chunk in chunks) == ANSWER
        assert chunks[-1].choices[0].finish_reason == "stop"
    else:
        assert answer.choices[0].text == ANSWER
        assert answer.usage is not None
        assert answer.usage.completion_tokens > 5


def test_embeddings_are_the_same_as_numbers_and_in_base64(client: OpenAI) -> None:
    packed = client.embeddings.create(model="embedding", input=["a", "b"])  # The client asks for base64 by itself.
    plain = client.embeddings.create(model="embedding", input=["a", "b"], encoding_format="float")

    assert [entry.index for entry in packed.data] == [0, 1]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert math.isclose(math.hypot(*one.embedding), 1, abs_tol=1e-3)
    assert packed.usage.prompt_tokens == packed.usage.total_tokens > 0


def test_models_are_listed_and_found(client: OpenAI) -> None:
    listed = {model.id: model for model in client.models.list()}

    assert {"scripted:latest", "slow:latest", "embedding:latest"} <= set(listed)
    assert client.models.retrieve("scripted").id == "scripted"
    assert listed["scripted:latest"].created > 1_600_000_000


def test_errors_are_those_that_the_client_knows(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="nobody", messages=[{"role": "user", "content": "Hi"}])
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model="scripted", messages=[{"role": "user", "content": "Hi"}], n=17)
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")

    assert missing.value.code == "model_not_found"
    assert "model 'nobody' not found" in missing.value.message
    assert wrong.value.type == "invalid_request_error"
    assert "n must be between 1 and 16" in wrong.value.message


WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}
CITY = {"city": "Zürich", "days": 3}


def test_a_tool_is_called_and_its_result_goes_back(client: OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How is the weather?"}]
    choice = client.chat.completions.create(model="caller", messages=messages, tools=[WEATHER]).choices[0]

    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "I look it up."
    assert choice.message.model_extra is not None
    assert choice.message.model_extra["reasoning"] == "The weather, then."
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", CITY)

    # As the client itself sends it back.
    messages.append(cast(ChatCompletionMessageParam, choice.message.model_dump(exclude_none=True)))
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "Rain"})
    assert client.chat.completions.create(model="caller", messages=messages, tools=[WEATHER]).choices


def test_a_tool_call_streams(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="caller", messages=[{"role": "user", "content": "How is the weather?"}], tools=[WEATHER]
    ) as stream:
        final = stream.get_final_completion()

    assert final.choices[0].finish_reason == "tool_calls"
    assert final.choices[0].message.tool_calls is not None
    assert json.loads(final.choices[0].message.tool_calls[0].function.arguments) == CITY


def test_tools_are_refused_where_a_model_knows_none(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="does not support tools"):
        client.chat.completions.create(model="scripted", messages=[{"role": "user", "content": "Hi"}], tools=[WEATHER])


def test_a_response_thinks_speaks_and_calls(client: OpenAI) -> None:
    tool: FunctionToolParam = {"type": "function", "name": "get_weather", "parameters": {}, "strict": False}
    with client.responses.stream(model="caller", input="How is the weather?", tools=[tool]) as stream:
        response = stream.get_final_response()

    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
    call = response.output[-1]
    assert call.type == "function_call"
    assert json.loads(call.arguments) == CITY


def test_an_answer_follows_a_json_schema(client: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"mood": {"enum": ["glad", "sad"]}, "sure": {"type": "boolean"}},
        "required": ["mood", "sure"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model="scripted",
        messages=[{"role": "user", "content": "Hi"}],
        response_format={"type": "json_schema", "json_schema": {"name": "feeling", "schema": schema}},
    )

    told = json.loads(answer.choices[0].message.content or "")
    assert told["mood"] in ("glad", "sad")
    assert told["sure"] in (True, False)


def test_probabilities_are_told_when_asked_for(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": "Hi"}], logprobs=True, top_logprobs=2
    )

    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(token.token for token in logprobs.content) == ANSWER
    assert all(len(token.top_logprobs) == 2 for token in logprobs.content)
    assert all(token.logprob <= 0 for token in logprobs.content)


def test_an_image_is_refused_where_a_model_sees_none_and_never_fetched(client: OpenAI) -> None:
    for url, words in (("data:image/png;base64,AAAA", "image input"), ("http://127.0.0.1/x.png", "data: URL")):
        part: ChatCompletionContentPartImageParam = {"type": "image_url", "image_url": {"url": url}}
        with pytest.raises(openai.BadRequestError, match=words):
            client.chat.completions.create(model="scripted", messages=[{"role": "user", "content": [part]}])


def test_a_call_can_be_demanded(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="caller",
        messages=[{"role": "user", "content": "How is the weather?"}],
        tools=[WEATHER],
        tool_choice="required",
        max_tokens=300,
    )

    assert answer.choices[0].message.tool_calls is not None
    (call,) = answer.choices[0].message.tool_calls
    assert call.type == "function"
    assert call.function.name == "get_weather"


def test_a_response_is_given(client: OpenAI) -> None:
    response = client.responses.create(model="scripted", input="Hi", instructions="Be kind.", max_output_tokens=500)

    assert response.output_text == ANSWER
    assert response.status == "completed"
    assert response.instructions == "Be kind."
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 5


def test_a_response_streams_its_events_in_order(client: OpenAI) -> None:
    events = list(client.responses.create(model="scripted", input=[{"role": "user", "content": "Hi"}], stream=True))

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
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == ANSWER
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == ANSWER


def test_the_client_s_own_helper_follows_a_response(client: OpenAI) -> None:
    with client.responses.stream(model="scripted", input="Hi") as stream:
        stream.until_done()

        assert stream.get_final_response().output_text == ANSWER


def test_a_response_that_is_cut_off_is_told_as_incomplete(client: OpenAI) -> None:
    response = client.responses.create(model="slow", input="Count", max_output_tokens=3)

    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"


def test_a_response_that_refers_to_the_past_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="responses are not stored"):
        client.responses.create(model="scripted", input="Hi", previous_response_id="resp_1")


def test_what_is_not_there_is_501(client: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as error:
        client.audio.transcriptions.create(model="scripted", file=("x.wav", b"RIFF"))

    assert error.value.status_code == 501
    assert error.value.code == "not_implemented"
