"""Tools and thinking in a real runner process, on generated models whose answers are fixed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from inference.errors import InvalidRequest
from inference.runner.handle import GenerateRequest, RunnerFinished, RunnerHandle, TextDelta
from inference.types import ChatMessage, Tool
from tests.doubles import gguf_files
from tests.inference.runner.asking import started

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

HERMES = (
    "{%- if tools %}{{ '<|im_start|>system\n' + (tools | tojson) + '<tool_call><|im_end|>\n' }}{%- endif %}"
    + gguf_files.CHATML
)
MISTRAL = "[AVAILABLE_TOOLS]{{ tools }}[TOOL_CALLS]" + gguf_files.CHATML
CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Zürich", "days": 3}}\n</tool_call>'
WEATHER = Tool(name="get_weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})


async def answered(
    runner: RunnerHandle, **request: Any
) -> tuple[str, str, list[tuple[str, Mapping[str, object]]], str]:
    """Ask a runner and return the thinking, the text, the calls, and why it ended."""
    asked = GenerateRequest(messages=[ChatMessage(role="user", content="Hi!")], **request)
    thinking, content, calls, reason = "", "", [], ""
    async for event in runner.generate(asked):
        if isinstance(event, TextDelta):
            thinking += event.thinking
            content += event.content
            calls += [(call.name, call.arguments) for call in event.tool_calls]
            assert all(len(call.id) == 9 for call in event.tool_calls)
        elif isinstance(event, RunnerFinished):
            reason = event.reason
    return thinking, content, calls, reason


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def caller(gguf_folder: Path) -> AsyncIterator[RunnerHandle]:
    """A runner that thinks and then calls a tool."""
    answer = f"<think>\nThe weather, then.\n</think>\n\nI look it up.\n{CALL}"
    path = gguf_files.build_scripted(
        gguf_folder / "caller.gguf", answer, chat_template=HERMES + "{#- <think> #}", shape=gguf_files.Shape(hidden=512)
    )
    handle = await started(path)
    yield handle
    await handle.stop()


async def test_thinking_text_and_a_call_come_apart(caller: RunnerHandle) -> None:
    assert await answered(caller, tools=[WEATHER]) == (
        "The weather, then.",
        "I look it up.",
        [("get_weather", {"city": "Zürich", "days": 3})],
        "stop",
    )


async def test_without_tools_nothing_is_a_call(caller: RunnerHandle) -> None:
    _thinking, content, calls, _reason = await answered(caller)

    assert (content, calls) == (f"I look it up.\n{CALL}", [])


async def test_tools_are_part_of_the_prompt(caller: RunnerHandle) -> None:
    async def prompt_tokens(tools: Sequence[Tool]) -> int:
        request = GenerateRequest(messages=[ChatMessage(role="user", content="Hi!")], tools=tools)
        return [event async for event in caller.generate(request)][-1].prompt_tokens  # type: ignore[union-attr]

    assert await prompt_tokens([WEATHER]) > await prompt_tokens([]) + 50


async def test_a_call_is_seen_where_its_mark_is_a_control_token(gguf_folder: Path) -> None:
    """Mistral's models have `[TOOL_CALLS]` as a control token, which other answers do not show."""
    pieces = [b"[TOOL_CALLS]", b"get_weather", b"[ARGS]", b'{"city": ', b'"Bern"}']
    path = gguf_files.build_scripted(
        gguf_folder / "mistral.gguf", pieces=pieces, chat_template=MISTRAL, controls=["[TOOL_CALLS]", "[ARGS]"]
    )
    runner = await started(path)
    try:
        assert await answered(runner, tools=[WEATHER]) == ("", "", [("get_weather", {"city": "Bern"})], "stop")
    finally:
        await runner.stop()


async def test_tools_are_refused_by_a_template_that_knows_none(scripted_gguf: Path) -> None:
    runner = await started(scripted_gguf)
    try:
        with pytest.raises(InvalidRequest, match="does not support tools"):
            await answered(runner, tools=[WEATHER])
    finally:
        await runner.stop()
