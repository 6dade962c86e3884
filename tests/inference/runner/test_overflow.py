"""Real runner processes whose context window is too small."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from inference.errors import InvalidRequest
from inference.runner.handle import GenerateRequest, RunnerHandle
from inference.types import ChatMessage, Options
from tests.inference.runner.asking import answer, question, started

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

WINDOW = 256


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def counting(endless_gguf: Path) -> AsyncIterator[RunnerHandle]:
    """A runner with two slots of 256 tokens each, that counts for ever."""
    handle = await started(endless_gguf, n_slots=2, n_ctx=WINDOW)
    yield handle
    await handle.stop()


def shifting(text: str = "Hi!", **options: Any) -> GenerateRequest:
    return replace(question(text, **options), shift=True)


def chat(*sizes: int, truncate: bool = True, **options: Any) -> GenerateRequest:
    """Ask in a conversation whose messages have so many characters, the first one from the system."""
    roles = ["system", *("user" if index % 2 == 0 else "assistant" for index in range(len(sizes) - 1))]
    messages = [
        ChatMessage(role=role, content="x" * size)  # type: ignore[arg-type]
        for role, size in zip(roles, sizes, strict=True)
    ]
    return GenerateRequest(
        messages=messages, options=Options(**{"temperature": 0, "num_predict": 4} | options), truncate=truncate
    )


def expected(n_numbers: int) -> str:
    return " ".join(str(number % 300 + 1) for number in range(n_numbers))


async def test_a_long_prompt_is_refused_with_the_numbers_unless_it_may_be_trimmed(counting: RunnerHandle) -> None:
    with pytest.raises(InvalidRequest, match=r"the prompt has \d+ tokens, but the context window holds 256"):
        await answer(counting, chat(20, 100, 100, 100, truncate=False))


async def test_the_oldest_messages_are_left_out_and_counted(counting: RunnerHandle) -> None:
    _, finished = await answer(counting, chat(20, 100, 100, 100, 20, 30))

    assert finished.dropped_messages == 2
    assert 150 < finished.prompt_tokens < WINDOW


async def test_trimming_leaves_room_for_the_answer(counting: RunnerHandle) -> None:
    text, finished = await answer(counting, chat(20, 70, 20, 50, 20, 20, num_predict=40))

    assert finished.dropped_messages == 2
    assert finished.answer_tokens == 40
    assert text.startswith("1 2 3")


async def test_what_fits_is_not_trimmed(counting: RunnerHandle) -> None:
    _, finished = await answer(counting, chat(20, 30, 30))

    assert finished.dropped_messages == 0


async def test_a_last_message_that_is_too_long_is_refused_even_so(counting: RunnerHandle) -> None:
    with pytest.raises(InvalidRequest, match="the context window holds 256"):
        await answer(counting, chat(20, 100, 20, 400))


async def test_without_shift_an_answer_ends_with_the_window(counting: RunnerHandle) -> None:
    _, finished = await answer(counting, question(num_predict=-1))

    assert (finished.reason, finished.shifted_tokens) == ("length", 0)
    assert finished.prompt_tokens + finished.answer_tokens == WINDOW + 1


async def test_with_shift_an_answer_goes_on_and_tells_what_it_forgot(counting: RunnerHandle) -> None:
    text, finished = await answer(counting, shifting(num_predict=900))

    # Two numbers are in the first token, and the last one goes without the space that follows it.
    assert text == expected(len(text.split()))
    assert (finished.reason, finished.answer_tokens) == ("length", 900)
    assert finished.shifted_tokens >= 900 + finished.prompt_tokens - WINDOW


async def test_an_answer_without_limit_ends_in_the_end(counting: RunnerHandle) -> None:
    _, finished = await answer(counting, shifting(num_predict=-1, num_ctx=64))

    assert finished.answer_tokens == 640


async def test_two_answers_that_share_their_beginning_forget_each_for_itself(counting: RunnerHandle) -> None:
    text = "The same beginning of both questions, and a long one at that. " * 2
    requests = [shifting(text, num_predict=500), replace(shifting(text + "?", num_predict=500))]

    answers = await asyncio.gather(*(answer(counting, request) for request in requests))

    for said, finished in answers:
        assert said == expected(len(said.split()))
        assert finished.shifted_tokens > 0


@pytest.mark.parametrize("num_keep", [0, 4, 100, -1, 100_000])
async def test_any_number_of_tokens_can_be_kept(counting: RunnerHandle, num_keep: int) -> None:
    text, finished = await answer(counting, shifting(num_predict=600, num_keep=num_keep))

    assert text == expected(len(text.split()))
    assert finished.shifted_tokens > 0


async def test_what_an_answer_forgot_does_not_change_the_next_one(tiny_gguf: Path) -> None:
    handle = await started(tiny_gguf, n_slots=1, n_ctx=128)
    asked = question("What now?", num_predict=30)
    before, _ = await answer(handle, asked)

    await answer(handle, shifting("What now?", num_predict=400))
    after, _ = await answer(handle, asked)
    await handle.stop()

    assert after[:12] == before[:12]
