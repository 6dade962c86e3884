from __future__ import annotations

import base64
from typing import Any

import pytest

from inference.errors import InvalidRequest
from inference.server.openai.bodies import parse_chat, parse_completion, parse_embeddings
from inference.types import ChatMessage, Tool, ToolCall

HI = [{"role": "user", "content": "Hi"}]
PIXEL = b"\x89PNG..."
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells it.", "parameters": {"type": "object"}},
}
CLOCK = {"type": "function", "function": {"name": "clock"}}


def test_options_get_ollama_s_names() -> None:
    answer = parse_chat({
        "model": "tiny", "messages": HI, "temperature": 0.5, "top_p": 0.9, "presence_penalty": 1,
        "frequency_penalty": -1, "seed": 7, "stop": "x", "max_tokens": 5, "user": "ann", "store": True, "top_k": None,
    }).answer  # fmt: skip

    assert answer.options == {
        "temperature": 0.5, "top_p": 0.9, "presence_penalty": 1, "frequency_penalty": -1, "seed": 7, "stop": "x",
        "num_predict": 5,
    }  # fmt: skip


def test_the_newer_limit_counts_before_the_older_one() -> None:
    body = {"model": "tiny", "messages": HI, "max_tokens": 5, "max_completion_tokens": 9}

    assert parse_chat(body).answer.options == {"num_predict": 9}


def test_a_conversation_with_every_role_is_understood() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"}}
    messages = [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Look"}, image, {"type": "text", "text": "here"}]},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "Hm."},
        {"role": "tool", "tool_call_id": "call_1", "content": "Rain"},
    ]

    assert parse_chat({"model": "tiny", "messages": messages}).answer.messages == [
        ChatMessage(role="system", content="Be kind."),
        ChatMessage(role="user", content="Look\nhere", images=(PIXEL,)),
        ChatMessage(
            role="assistant",
            content="",
            thinking="Hm.",
            tool_calls=(ToolCall(name="weather", arguments={"city": "Bonn"}, id="call_1"),),
        ),
        ChatMessage(role="tool", content="Rain", tool_name="weather", tool_call_id="call_1"),
    ]


@pytest.mark.parametrize(
    ("choice", "names", "must_call"),
    [
        (None, ["weather", "clock"], False),
        ("auto", ["weather", "clock"], False),
        ("none", [], False),
        ("required", ["weather", "clock"], True),
        ({"type": "function", "function": {"name": "clock"}}, ["clock"], True),
        ({"type": "function", "name": "clock"}, ["clock"], True),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [CLOCK]}}, ["clock"], False),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [CLOCK]}}, ["clock"], True),
    ],
)
def test_the_choice_of_tools(choice: object, names: list[str], must_call: bool) -> None:
    body = {"model": "tiny", "messages": HI, "tools": [WEATHER, CLOCK], "tool_choice": choice}

    answer = parse_chat(body).answer

    assert [tool.name for tool in answer.tools] == names
    assert answer.must_call_tool is must_call


def test_a_tool_keeps_what_the_model_must_know_of_it() -> None:
    answer = parse_chat({"model": "tiny", "messages": HI, "tools": [WEATHER]}).answer

    assert answer.tools == [Tool(name="weather", description="Tells it.", parameters={"type": "object"})]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, "json"),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}, {"type": "object"}),
    ],
)
def test_the_format_of_the_answer(given: object, expected: object) -> None:
    assert parse_chat({"model": "tiny", "messages": HI, "response_format": given}).answer.format == expected


@pytest.mark.parametrize(
    ("effort", "think"), [(None, None), ("none", False), ("minimal", "low"), ("medium", "medium"), ("xhigh", "high")]
)
def test_the_effort_of_thinking(effort: object, think: object) -> None:
    assert parse_chat({"model": "tiny", "messages": HI, "reasoning_effort": effort}).answer.think == think


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({"messages": []}, "messages must hold at least one message"),
        ({"messages": [{"role": "king", "content": "x"}]}, "the role of a message must be one of"),
        ({"messages": [{"role": "user", "content": 7}]}, "the content of a message must be a string or an array"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "each part of a message must be an object"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "parts of type 'input_audio'"),
        ({"n": 17}, "n must be between 1 and 16"),
        ({"n": True}, "n must be a whole number"),
        ({"logit_bias": {"5": 101}}, "between -100 and 100"),
        ({"functions": [{"name": "x"}]}, "use tools"),
        ({"web_search_options": {"a": 1}}, "does not search the web"),
        ({"max_tokens": 0}, "must be at least 1"),
        ({"reasoning_effort": "utmost"}, "reasoning_effort must be one of"),
        ({"response_format": "json"}, "response_format must be an object"),
        ({"response_format": {"type": "xml"}}, "the type of a format"),
        ({"response_format": {"type": "json_schema"}}, "needs an object schema"),
        ({"top_logprobs": 3}, "needs logprobs to be true"),
        ({"logprobs": True, "top_logprobs": 21}, "between 0 and 20"),
        ({"tools": [{"type": "web_search"}]}, "tools of type 'web_search' are not supported"),
        ({"tools": [{"type": "function", "function": {}}]}, "each of tools needs a name"),
        ({"tools": [CLOCK] * 129}, "at most 128"),
        ({"tool_choice": "required"}, "there are no tools"),
        ({"tools": [CLOCK], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "not among tools"),
        ({"tools": [CLOCK], "tool_choice": 7}, "tool_choice must be"),
        ({"stream": "yes"}, "stream must be true or false"),
        ({"model": None}, "model is required"),
    ],
)
def test_a_wrong_chat_is_refused_in_one_sentence(extra: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        parse_chat({"model": "tiny", "messages": HI, **extra})

    assert sentence in error.value.detail


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://example.org/cat.png", "must come as a data: URL"),
        ("file:///etc/passwd", "must come as a data: URL"),
        ("data:image/png,abc", "must be encoded as"),
        ("data:image/png;base64,###", "not valid base64"),
        (None, "an image needs an image_url"),
    ],
)
def test_images_are_never_fetched(url: object, sentence: str) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}

    with pytest.raises(InvalidRequest) as error:
        parse_chat({"model": "tiny", "messages": [{"role": "user", "content": [part]}]})

    assert sentence in error.value.detail


@pytest.mark.parametrize("arguments", ["{", "[1]", "7", 7])
def test_arguments_that_are_no_object_are_refused(arguments: object) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "x", "arguments": arguments}}

    with pytest.raises(InvalidRequest, match="the arguments of a tool call"):
        parse_chat({"model": "tiny", "messages": [{"role": "assistant", "tool_calls": [call]}]})


@pytest.mark.parametrize("prompt", ["Hi", ["Hi"]])
def test_a_completion_takes_one_prompt(prompt: object) -> None:
    answer = parse_completion({"model": "tiny", "prompt": prompt, "suffix": "!", "logprobs": 2}).answer

    assert (answer.prompt, answer.suffix, answer.top_logprobs, answer.messages) == ("Hi", "!", 2, None)


@pytest.mark.parametrize("prompt", [None, "", [], ["a", "b"], [1, 2], [[1]], 7])
def test_a_completion_of_anything_else_is_refused(prompt: object) -> None:
    with pytest.raises(InvalidRequest, match="prompt"):
        parse_completion({"model": "tiny", "prompt": prompt})


@pytest.mark.parametrize(
    "extra",
    [
        {"input": None}, {"input": []}, {"input": [1, 2]}, {"input": {}}, {"input": ["x"] * 4097}, {"dimensions": 0},
        {"dimensions": -1}, {"encoding_format": "int8"},
    ],
)  # fmt: skip
def test_wrong_embeddings_are_refused(extra: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        parse_embeddings({"model": "tiny", "input": "x", **extra})
