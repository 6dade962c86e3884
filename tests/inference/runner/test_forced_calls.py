"""Answers that must be a call of a tool, whatever the model would rather write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from inference.errors import InvalidRequest
from inference.runner.answers import AnswerShape, joined
from inference.runner.forced_calls import call_grammar, call_key
from inference.runner.handle import GenerateRequest, RunnerFinished, RunnerHandle, TextDelta
from inference.runner.notations import notations_of
from inference.types import ChatMessage, Options, Tool, ToolCall
from tests.doubles import gguf_files
from tests.inference.runner.asking import started

ADD = Tool(
    name="add",
    parameters={
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/digit"}, "how": {"enum": ["fast", "slow"]}},
        "required": ["a", "how"],
        "$defs": {"digit": {"type": "integer", "minimum": 1, "maximum": 9}},
    },
)
NOW = Tool(name="now")
ADDED = '{"a": 7, "how": "fast"}'

TEMPLATES = {
    "hermes": "<tool_call>",
    "llama": "<|python_tag|>",
    "mistral": "[TOOL_CALLS]",
    "mistral-new": "[TOOL_CALLS][ARGS]",
    "functionary": "<function=",
    "deepseek": "<｜tool▁call▁begin｜>",
    "deepseek-fenced": "<｜tool▁call▁begin｜>```json",
    "kimi": "<|tool_call_begin|>",
    "granite": "<|tool_call|>",
    "command-r": "Action:",
    "command-a": "<|START_ACTION|>",
    "firefunction": "functools[",
    "unsaid": "",
}


def shape(template: str, *tools: Tool) -> AnswerShape:
    return AnswerShape(notations=notations_of(template), tools=tools)


CHANNELS = AnswerShape(has_channels=True, tools=(ADD, NOW))


@pytest.mark.parametrize(
    "answer", [*(shape(source, ADD, NOW) for source in TEMPLATES.values()), CHANNELS], ids=[*TEMPLATES, "channels"]
)
def test_what_the_grammar_demands_is_read_as_that_call(answer: AnswerShape) -> None:
    spelling = answer.call_spelling
    assert spelling is not None
    grammar = call_grammar(answer)

    for name, arguments in (("add", ADDED), ("now", "{}")):
        text = spelling.before + name + spelling.between + arguments + spelling.after
        state = grammar.after(grammar.start(), text.encode())
        reader = answer.reader()
        read = joined([*map(reader.feed, text), reader.finish()])

        assert state is not None
        assert state.may_end
        assert read.content == ""
        assert [(call.name, call.arguments) for call in read.tool_calls] == [
            (name, {"a": 7, "how": "fast"} if name == "add" else {})
        ]


@pytest.mark.parametrize(
    "arguments",
    ['{"a": 0, "how": "fast"}', '{"a": 7}', '{"a": 7, "how": "now"}', '{"a": 7, "how": "fast", "x": 1}', "{}"],
)
def test_arguments_that_the_schema_forbids_do_not_fit(arguments: str) -> None:
    answer = shape("<tool_call>", ADD)
    grammar = call_grammar(answer)
    spelling = answer.call_spelling
    assert spelling is not None

    text = spelling.before + "add" + spelling.between + arguments + spelling.after

    assert grammar.after(grammar.start(), text.encode()) is None


@pytest.mark.parametrize(
    ("tools", "detail"),
    [
        ([], "there are no tools"),
        ([replace(NOW, name="two words")], "cannot be called for certain"),
        ([replace(NOW, parameters={"type": "string"})], "must be of type object"),
        ([replace(NOW, parameters={"properties": {"a": {"$ref": "#/$defs/missing"}}})], "missing"),
    ],
)
def test_a_call_that_cannot_be_demanded_is_refused(tools: list[Tool], detail: str) -> None:
    with pytest.raises(InvalidRequest, match=detail):
        call_grammar(shape("<tool_call>", *tools))


def test_the_same_tools_share_a_grammar_and_others_do_not() -> None:
    assert call_key(shape("<tool_call>", ADD)) == call_key(shape("<tool_call>", ADD))
    assert (
        len({call_key(shape(*args)) for args in (("<tool_call>", ADD), ("<tool_call>", NOW), ("[TOOL_CALLS]", ADD))})
        == 3
    )


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def noise(gguf_folder: Path) -> AsyncIterator[RunnerHandle]:
    """A runner that answers with noise."""
    template = "{%- if tools %}{{ tools | tojson }}<tool_call>{%- endif %}" + gguf_files.CHATML
    handle = await started(
        gguf_files.build_tiny(gguf_folder / "noise-with-tools.gguf", chat_template=template), n_ctx=1024
    )
    yield handle
    await handle.stop()


async def called(runner: RunnerHandle, **request: Any) -> tuple[str, list[ToolCall], str]:
    asked = GenerateRequest(messages=[ChatMessage(role="user", content="Hi!")], **request)
    content, calls, reason = "", list[ToolCall](), ""
    async for event in runner.generate(asked):
        if isinstance(event, TextDelta):
            content += event.content
            calls += event.tool_calls
        elif isinstance(event, RunnerFinished):
            reason = event.reason
    return content, calls, reason


@pytest.mark.model
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("seed", range(4))
async def test_even_noise_becomes_a_call_when_one_is_demanded(noise: RunnerHandle, seed: int) -> None:
    options = Options(temperature=2.0, seed=seed)

    content, calls, reason = await called(noise, tools=[ADD], must_call_tool=True, options=options)

    assert (content, reason, len(calls)) == ("", "stop", 1)
    assert calls[0].name == "add"
    assert calls[0].arguments["a"] in range(1, 10)
    assert calls[0].arguments["how"] in ("fast", "slow")


@pytest.mark.model
@pytest.mark.asyncio(loop_scope="module")
async def test_a_call_is_demanded_or_a_format_but_not_both(noise: RunnerHandle) -> None:
    with pytest.raises(InvalidRequest, match="either a format or a grammar, or is the call of a tool"):
        await called(noise, tools=[ADD], must_call_tool=True, format="json")
    with pytest.raises(InvalidRequest, match="there are no tools"):
        await called(noise, must_call_tool=True)
