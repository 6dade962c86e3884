from __future__ import annotations

import base64
from typing import Any

import pytest

from inference.errors import InvalidRequest
from inference.server.anthropic.bodies import parse_message
from inference.types import ChatMessage, Tool, ToolCall

HI = [{"role": "user", "content": "Hi"}]
PIXEL = b"\x89PNG..."
CLOCK = {"name": "clock", "description": "Tells it.", "input_schema": {"type": "object"}}


def test_options_get_ollama_s_names() -> None:
    answer = parse_message({
        "model": "tiny", "max_tokens": 9, "messages": HI, "temperature": 0.5, "top_p": 0.9, "top_k": 3,
        "stop_sequences": ["x"], "metadata": {"user_id": "ann"},
    }).answer  # fmt: skip

    assert answer.options == {"temperature": 0.5, "top_p": 0.9, "top_k": 3, "stop": ["x"], "num_predict": 9}


@pytest.mark.parametrize(
    "system", ["Be kind.\nBe brief.", [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}]]
)
def test_the_system_prompt_is_text_or_blocks(system: object) -> None:
    answer = parse_message({"model": "tiny", "max_tokens": 9, "system": system, "messages": HI}).answer

    assert answer.messages is not None
    assert answer.messages[0] == ChatMessage(role="system", content="Be kind.\nBe brief.")


def test_a_conversation_with_every_block_is_understood() -> None:
    image = {"type": "image", "source": {"type": "base64", "data": base64.b64encode(PIXEL).decode()}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Look"}, image]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": ""},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "t1", "name": "clock", "input": {"zone": "CET"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "Noon"}, image]},
                {"type": "text", "text": "And now?"},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "One"}]},
    ]

    assert parse_message({"model": "tiny", "max_tokens": 9, "messages": messages}).answer.messages == [
        ChatMessage(role="user", content="Look", images=(PIXEL,)),
        ChatMessage(
            role="assistant",
            content="Let me look.",
            thinking="Hm.",
            tool_calls=(ToolCall(name="clock", arguments={"zone": "CET"}, id="t1"),),
        ),
        ChatMessage(role="tool", content="Noon", images=(PIXEL,), tool_name="clock", tool_call_id="t1"),
        ChatMessage(role="user", content="And now?"),
        ChatMessage(role="tool", content="One", tool_name="clock", tool_call_id="t1"),
    ]


@pytest.mark.parametrize(
    ("choice", "n_tools", "must_call"),
    [(None, 1, False), ({"type": "auto"}, 1, False), ({"type": "any"}, 1, True), ({"type": "none"}, 0, False),
     ({"type": "tool", "name": "clock"}, 1, True)],
)  # fmt: skip
def test_tools_and_the_choice_between_them(choice: object, n_tools: int, must_call: bool) -> None:
    body = {"model": "tiny", "max_tokens": 9, "messages": HI, "tools": [CLOCK], "tool_choice": choice}

    answer = parse_message(body).answer

    expected = [Tool(name="clock", description="Tells it.", parameters={"type": "object"})]
    assert list(answer.tools) == expected[:n_tools]
    assert answer.must_call_tool is must_call


@pytest.mark.parametrize(
    ("thinking", "think"),
    [(None, None), ({"type": "enabled", "budget_tokens": 1024}, True), ({"type": "disabled"}, False),
     ({"type": "adaptive"}, None)],
)  # fmt: skip
def test_thinking(thinking: object, think: object) -> None:
    body = {"model": "tiny", "max_tokens": 9, "messages": HI, "thinking": thinking}

    assert parse_message(body).answer.think == think


def test_the_format_of_the_answer() -> None:
    given = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    body = {"model": "tiny", "max_tokens": 9, "messages": HI, "output_config": given}

    assert parse_message(body).answer.format == {"type": "object"}


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({"max_tokens": None}, "max_tokens is required"),
        ({"max_tokens": 0}, "must be at least 1"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "king", "content": "x"}]}, "the role of a message must be user"),
        ({"messages": [{"role": "user", "content": 7}]}, "content must be an array"),
        ({"messages": [{"role": "user", "content": [{"type": "document"}]}]}, "blocks of type 'document'"),
        ({"messages": [{"role": "assistant", "content": [{"type": "image"}]}]}, "blocks of type 'image'"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "x"}}]}]},
            "does not fetch addresses",
        ),
        ({"system": [{"type": "image"}]}, "only text is"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "only your own are"),
        ({"tools": [{}]}, "each of tools needs a name"),
        ({"tool_choice": {"type": "some"}}, "the type of tool_choice"),
        ({"thinking": {"type": "deep"}}, "the type of thinking"),
    ],
)
def test_a_wrong_request_is_refused_in_one_sentence(extra: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        parse_message({"model": "tiny", "max_tokens": 9, "messages": HI, **extra})

    assert sentence in error.value.detail
