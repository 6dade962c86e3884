"""Real runner processes that answer in a form."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from inference.errors import InvalidRequest
from inference.runner.handle import GenerateRequest, RunnerHandle, TextDelta
from tests.doubles import gguf_files
from tests.inference.runner.asking import answer, question, started

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

DATE = 'root ::= [1-2] [0-9]{3} "-" ("0" [1-9] | "1" [0-2])'


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def noise(tiny_gguf: Path) -> AsyncIterator[RunnerHandle]:
    """A runner that all tests share, with four slots and noise for answers."""
    handle = await started(tiny_gguf, n_slots=4, n_ctx=2048)
    yield handle
    await handle.stop()


def in_form(grammar: str, text: str = "Hi!", **options: Any) -> GenerateRequest:
    return replace(question(text, **{"num_predict": -1, "temperature": 1.5} | options), grammar=grammar)


async def thought_and_said(handle: RunnerHandle, request: GenerateRequest) -> tuple[str, str]:
    thinking = content = ""
    async for event in handle.generate(request):
        if isinstance(event, TextDelta):
            thinking, content = thinking + event.thinking, content + event.content
    return thinking, content


async def test_an_answer_follows_a_grammar_and_ends_with_it(noise: RunnerHandle) -> None:
    for seed in range(10):
        text, finished = await answer(noise, in_form(DATE, seed=seed))

        assert re.fullmatch(r"[12]\d{3}-(0[1-9]|1[0-2])", text)
        assert finished.reason == "stop"


async def test_only_some_of_the_answers_at_a_time_have_a_grammar(noise: RunnerHandle) -> None:
    free = question("Free", temperature=0, num_predict=30)
    alone, _ = await answer(noise, free)

    (date, _), (text, _), (digits, _) = await asyncio.gather(
        answer(noise, in_form(DATE, temperature=0)),
        answer(noise, free),
        answer(noise, in_form("root ::= [0-9]{20}", temperature=0)),
    )

    assert re.fullmatch(r"\d{4}-\d{2}", date)
    assert re.fullmatch(r"\d{20}", digits)
    assert text[:10] == alone[:10]


async def test_a_seed_repeats_an_answer_in_a_form(noise: RunnerHandle) -> None:
    request = in_form("root ::= [a-z ]{40}", seed=7)

    first, second = [(await answer(noise, request))[0] for _ in range(2)]

    assert len(first) == 40
    assert first == second


async def test_what_a_model_thinks_is_free_and_its_answer_is_not(tmp_path: Path) -> None:
    pieces = [b"<think>", b"Let me ", b"think.", b"</think>", b"\n\nYes, it is."]
    handle = await started(gguf_files.build_scripted(tmp_path / "thinking.gguf", pieces=pieces))

    thinking, content = await thought_and_said(handle, in_form('root ::= "{" [0-9]{3} "}"'))
    await handle.stop()

    assert thinking == "Let me think."
    assert re.fullmatch(r"\{\d{3}\}", content)


async def test_without_thinking_the_grammar_holds_from_the_first_token(tmp_path: Path) -> None:
    pieces = [b"<think>", b"Let me ", b"think.", b"</think>", b"\n\nYes, it is."]
    handle = await started(gguf_files.build_scripted(tmp_path / "hasty.gguf", pieces=pieces))

    thinking, content = await thought_and_said(handle, replace(in_form("root ::= [0-9]{3}"), think=False))
    await handle.stop()

    assert (thinking, len(content)) == ("", 3)


@pytest.mark.parametrize(
    ("grammar", "problem"),
    [
        ("root ::= (", "malformed in line 1"),
        ('root ::= root "a" | "b"', "left-recursive"),
        ('root ::= "a" root', "cannot finish"),
        ("root ::= " + "(" * 50_000, "lie in each other"),
    ],
)
async def test_a_grammar_that_cannot_be_used_is_refused(noise: RunnerHandle, grammar: str, problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await answer(noise, in_form(grammar))

    assert problem in caught.value.detail
    assert noise.is_alive


async def test_an_answer_that_gets_stuck_ends_with_an_error_and_the_runner_lives_on(noise: RunnerHandle) -> None:
    grammar = 'root ::= "x" twofold\ntwofold ::= "a" twofold "b" | "a" twofold "c" | "aaaaaaaaaaaaaaaaaaaa"'
    texts: list[str] = []

    with pytest.raises(InvalidRequest, match="too many readings"):
        async for event in noise.generate(in_form(grammar)):
            texts += [event.content] if isinstance(event, TextDelta) else []

    assert "".join(texts).startswith("xaaa")
    assert (await answer(noise, in_form('root ::= "ab"')))[0] == "ab"
