from __future__ import annotations

import itertools
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.runner.notations import (
    UNSAID,
    BareJson,
    FunctionTag,
    JsonCalls,
    MistralCalls,
    Notation,
    ToolCallTag,
    notations_of,
)
from inference.runner.tool_calls import ToolCallReader, make_id
from inference.types import Tool, ToolCall

WEATHER = Tool(
    name="get_weather",
    description="The weather of a city",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "hourly": {"type": "boolean"}},
        "required": ["city"],
    },
)
ADD = Tool(name="add", parameters={"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}})
TOOLS = (WEATHER, ADD)

PARIS = ("get_weather", {"city": "Paris"})
SUM = ("add", {"a": 1, "b": 2.5})

Calls = list[tuple[str, dict[str, object]]]

TAG = (ToolCallTag(),)
LLAMA = notations_of("<|python_tag|>")
MISTRAL = (MistralCalls(),)
DEEPSEEK = notations_of("<｜tool▁call▁begin｜>")
KIMI = notations_of("<|tool_call_begin|>")
COMMAND_R = notations_of("Action: ")
COMMAND_A = notations_of("<|START_ACTION|>")
GRANITE = notations_of("<|tool_call|>")

CASES: list[tuple[tuple[Notation, ...], str, str, Calls]] = [
    (TAG, "Just text.", "Just text.", []),
    (TAG, '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>', "", [PARIS]),
    (TAG, 'Let me see.\n\n<tool_call>{"name":"add","arguments":{"a":1,"b":2.5}}</tool_call>', "Let me see.", [SUM]),
    (
        TAG,
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>\n'
        '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2.5}}\n</tool_call>\n',
        "",
        [PARIS, SUM],
    ),
    # The end of the answer may take the place of the closing tag.
    (TAG, '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}', "", [PARIS]),
    (TAG, '<tool_call>{"name": "add", "arguments": {"a": 1, "b": 2.5}}</tool', "</tool", [SUM]),
    # Some models write the arguments as a text, leave them out, or use another key.
    (TAG, '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1, \\"b\\": 2.5}"}</tool_call>', "", [SUM]),
    (TAG, '<tool_call>{"name": "now"}</tool_call>', "", [("now", {})]),
    (TAG, '<tool_call>{"name": "add", "parameters": {"a": 1, "b": 2.5}}</tool_call>', "", [SUM]),
    (TAG, '<tool_call>{"function": {"name": "add", "arguments": {"a": 1, "b": 2.5}}}</tool_call>', "", [SUM]),
    # Braces, quotes and tags inside of strings are no end.
    (
        TAG,
        '<tool_call>{"name": "get_weather", "arguments": {"city": "a}\\"</tool_call>{\\\\"}}</tool_call>',
        "",
        [("get_weather", {"city": 'a}"</tool_call>{\\'})],
    ),
    (
        TAG,
        '<tool_call>{"name": "get_weather", "arguments": {"city": "a\nb"}}</tool_call>',
        "",
        [("get_weather", {"city": "a\nb"})],
    ),
    # Text again after the call.
    (TAG, '<tool_call>{"name": "now"}</tool_call>\n\nDone.', "Done.", [("now", {})]),
    # What is no call is given back.
    (TAG, "<tool_call>{broken}</tool_call>", "<tool_call>{broken}</tool_call>", []),
    (TAG, 'Hm.\n\n<tool_call>{"name": 7}</tool_call>  ', 'Hm.\n\n<tool_call>{"name": 7}</tool_call>  ', []),
    (
        TAG,
        '<tool_call>{"name": "add", "arguments": [1]}</tool_call>',
        '<tool_call>{"name": "add", "arguments": [1]}</tool_call>',
        [],
    ),
    (TAG, '<tool_call>{"name": "add", "arguments": {"a": 1', '<tool_call>{"name": "add", "arguments": {"a": 1', []),
    (TAG, "a < b, <tool> and <tool_c", "a < b, <tool> and <tool_c", []),
    (TAG, "<tool_call>", "<tool_call>", []),
    (TAG, "  \n", "  \n", []),
    (
        TAG,
        '<tool_call>{"name": "x", "arguments": {"n": 99999999999999999999999, "s": "\\ud800"}}</tool_call>',
        '<tool_call>{"name": "x", "arguments": {"n": 99999999999999999999999, "s": "\\ud800"}}</tool_call>',
        [],
    ),
    (
        TAG,
        '<tool_call>{bad}</tool_call> <tool_call>{"name": "now"}</tool_call>',
        "<tool_call>{bad}</tool_call>",
        [("now", {})],
    ),
    (
        TAG,
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n"
        "<parameter=hourly>\nTrue\n</parameter>\n</function>\n</tool_call>",
        "",
        [("get_weather", {"city": "Paris", "days": 3, "hourly": True})],
    ),
    (
        TAG,
        "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n"
        "<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
        "",
        [("get_weather", {"city": "Paris", "days": 3})],
    ),
    (TAG, "<tool_call>is a tag</tool_call>", "<tool_call>is a tag</tool_call>", []),
    ((FunctionTag(),), '<function=add>{"a": 1, "b": 2.5}</function>', "", [SUM]),
    (
        (FunctionTag(),),
        "I look.\n<function=get_weather>\n<parameter=city>\n<b>\nx\n</parameter>\n</function>",
        "I look.",
        [("get_weather", {"city": "<b>\nx"})],
    ),
    ((FunctionTag(),), "<function=now>\n</function>", "", [("now", {})]),
    ((FunctionTag(),), "<function=now> then </function>", "<function=now> then </function>", []),
    (LLAMA, '{"name": "get_weather", "parameters": {"city": "Paris"}}', "", [PARIS]),
    (
        LLAMA,
        '\n{"name": "add", "parameters": {"a": 1, "b": 2.5}}; {"name": "get_weather", "parameters": {"city": "Paris"}}',
        "",
        [SUM, PARIS],
    ),
    (LLAMA, '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Paris"}}', "", [PARIS]),
    (LLAMA, '{"type": "function", "name": "add", "parameters": {"a": 1, "b": 2.5}}', "", [SUM]),
    (LLAMA, '{"name": "Bob", "age": 7}', '{"name": "Bob", "age": 7}', []),
    (LLAMA, '{"answer": {"name": "add"}}', '{"answer": {"name": "add"}}', []),
    (
        LLAMA,
        'The object {"name": "add", "parameters": {}} is no call.',
        'The object {"name": "add", "parameters": {}} is no call.',
        [],
    ),
    (MISTRAL, '[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Paris"}}]', "", [PARIS]),
    (
        MISTRAL,
        '[TOOL_CALLS] [{"name":"add","arguments":{"a":1,"b":2.5}}, '
        '{"name":"get_weather","arguments":{"city":"Paris"}}]',
        "",
        [SUM, PARIS],
    ),
    (
        MISTRAL,
        '[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}[TOOL_CALLS]add[ARGS]{"a": 1, "b": 2.5}',
        "",
        [PARIS, SUM],
    ),
    (MISTRAL, '[TOOL_CALLS]get_weather{"city": "Paris"}', "", [PARIS]),
    (MISTRAL, "[TOOL_CALLS] are what?", "[TOOL_CALLS] are what?", []),
    (
        DEEPSEEK,
        "Sure.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n"
        '{"city": "Paris"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n'
        '{"a": 1, "b": 2.5}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        "Sure.",
        [PARIS, SUM],
    ),
    (
        DEEPSEEK,
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{"a": 1, "b": 2.5}'
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "",
        [SUM],
    ),
    (
        KIMI,
        '<|tool_calls_section_begin|><|tool_call_begin|>functions.add:0<|tool_call_argument_begin|>{"a": 1, "b": 2.5}'
        "<|tool_call_end|><|tool_calls_section_end|>",
        "",
        [SUM],
    ),
    (
        COMMAND_R,
        'Plan: look.\nAction: ```json\n[\n    {\n        "tool_name": "get_weather",\n'
        '        "parameters": {"city": "Paris"}\n'
        "    }\n]\n```",
        "Plan: look.",
        [PARIS],
    ),
    (COMMAND_R, "Action: none", "Action: none", []),
    (
        COMMAND_A,
        'I will.<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "add", "parameters": {"a": 1, "b": 2.5}}]'
        "<|END_ACTION|>",
        "I will.",
        [SUM],
    ),
    (GRANITE, '<|tool_call|>[{"name": "add", "arguments": {"a": 1, "b": 2.5}}]', "", [SUM]),
    (notations_of("functools[{"), 'functools[{"name": "add", "arguments": {"a": 1, "b": 2.5}}]', "", [SUM]),
    (
        (JsonCalls("<|tool_call|>", "<|/tool_call|>"),),
        '<|tool_call|>[{"name": "now"}]<|/tool_call|>',
        "",
        [("now", {})],
    ),
]


def read(notations: tuple[Notation, ...], pieces: list[str]) -> tuple[str, Calls]:
    reader = ToolCallReader(notations, TOOLS)
    parts = [reader.feed(piece) for piece in pieces] + [reader.finish()]
    return "".join(part.content for part in parts), [
        (call.name, dict(call.arguments)) for part in parts for call in part.calls
    ]


@pytest.mark.parametrize(("notations", "text", "content", "calls"), CASES)
def test_text_and_calls_are_told_apart_at_every_split(
    notations: tuple[Notation, ...], text: str, content: str, calls: Calls
) -> None:
    for position in range(len(text) + 1):
        assert read(notations, [text[:position], text[position:]]) == (content, calls), f"split at {position}"


@pytest.mark.parametrize(("notations", "text", "content", "calls"), CASES)
def test_text_and_calls_are_told_apart_character_by_character(
    notations: tuple[Notation, ...], text: str, content: str, calls: Calls
) -> None:
    assert read(notations, list(text)) == (content, calls)


@pytest.mark.parametrize(("notations", "text", "content", "calls"), [case for case in CASES if case[3]])
def test_nothing_of_a_call_is_ever_shown(
    notations: tuple[Notation, ...], text: str, content: str, calls: Calls
) -> None:
    reader = ToolCallReader(notations, TOOLS)

    shown = ""
    for character in text:
        shown += reader.feed(character).content
        assert content.startswith(shown) or content.startswith("</tool")


def test_text_is_passed_on_without_delay() -> None:
    reader = ToolCallReader(UNSAID, TOOLS)

    assert [reader.feed(piece).content for piece in ("He", "llo ", "you", ".")] == ["He", "llo", " you", "."]


def test_an_answer_in_json_is_shown_as_soon_as_it_is_no_call() -> None:
    reader = ToolCallReader((BareJson(),), TOOLS)

    assert [reader.feed(piece).content for piece in ("{", '"ans', 'wer": 1')] == ["", '{"ans', 'wer": 1']


def test_a_call_of_an_unknown_tool_is_told_where_the_notation_is_certain() -> None:
    assert read(TAG, ['<tool_call>{"name": "guess"}</tool_call>']) == ("", [("guess", {})])


def test_ids_are_made_where_the_model_gives_none() -> None:
    ids = itertools.count()
    reader = ToolCallReader((MistralCalls(),), TOOLS, new_id=lambda: f"id{next(ids)}")

    found = reader.feed('[TOOL_CALLS][{"name": "add", "arguments": {}, "id": "abc"}, {"name": "add", "arguments": {}}]')

    assert found.calls == [ToolCall(name="add", id="abc"), ToolCall(name="add", id="id0")]
    assert re.fullmatch("[A-Za-z0-9]{9}", make_id())
    assert make_id() != make_id()


def test_more_calls_than_anybody_needs_are_text() -> None:
    _content, calls = read(TAG, ['<tool_call>{"name": "now"}</tool_call>'] * 200)

    assert len(calls) == 128


def test_a_call_without_end_is_given_back_in_time() -> None:
    reader = ToolCallReader(TAG, TOOLS)
    piece = "x}" * 32
    began = time.process_time()

    shown = reader.feed('<tool_call>{"name": "add", "arguments": {"a": "').content
    for _ in range(5000):
        shown += reader.feed(piece).content
    shown += reader.finish().content

    assert shown == '<tool_call>{"name": "add", "arguments": {"a": "' + piece * 5000
    assert time.process_time() - began < 5


@given(st.text(alphabet='<tool_cal/>{}[]"name:argumets \n', max_size=80), st.integers(0, 80))
def test_no_text_is_lost(text: str, position: int) -> None:
    content, calls = read(tuple(UNSAID), [text[:position], text[position:]])

    assert calls or content == text


@given(
    st.dictionaries(
        st.text(max_size=8), st.recursive(st.text() | st.booleans() | st.integers(0, 2**53), st.lists, max_leaves=6)
    )
)
def test_every_object_can_be_an_argument(arguments: dict[str, object]) -> None:
    written = json.dumps({"name": "f", "arguments": arguments})

    assert read(TAG, [f"<tool_call>{written}</tool_call>"]) == ("", [("f", arguments)])


@pytest.mark.parametrize(
    ("template", "openers"),
    [
        ("{% if tools %}<tool_call>", ["<tool_call>"]),
        ("[AVAILABLE_TOOLS] [TOOL_CALLS]", ["[TOOL_CALLS]"]),
        ('Respond in the format {"name": function name, "parameters": …}', ["{"]),
        ("<tool_call><function=", ["<tool_call>", "<function="]),
        ("{% if tools %}{{ tools | tojson }}", ["<tool_call>", "{"]),
    ],
)
def test_the_notation_is_seen_in_the_template(template: str, openers: list[str]) -> None:
    assert [notation.opener for notation in notations_of(template)] == openers
