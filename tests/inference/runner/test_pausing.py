"""Answers that nobody takes: their process writes no more of them, and others get their slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import psutil
import pytest
import pytest_asyncio

from inference.runner.handle import RunnerFinished, RunnerHandle, TextDelta
from inference.runner.mailbox import FULL_CHARACTERS
from tests.doubles import gguf_files
from tests.inference.runner.asking import answer, question, started

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

N_PIECES = 200
PIECE_CHARACTERS = 5_000


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def talker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunnerHandle]:
    """A runner with one slot whose tokens are long: a few make an answer that is too much to keep."""
    pieces = [bytes([letter]) * PIECE_CHARACTERS for letter in range(ord("A"), ord("Z"))]
    path = gguf_files.build_scripted(tmp_path_factory.mktemp("talker") / "talker.gguf", pieces=pieces, endless=True)
    handle = await started(path, n_ctx=1024)
    yield handle
    await handle.stop()


async def test_what_was_paused_goes_on_where_it_stopped_although_its_slot_was_lent(talker: RunnerHandle) -> None:
    expected, _ = await answer(talker, question(num_predict=N_PIECES))
    paused = asyncio.Event()
    told: list[bool] = []

    def on_pause(is_paused: bool) -> None:  # noqa: FBT001 - the shape of OnPause
        told.append(is_paused)
        paused.set()

    async with aclosing(talker.generate(question(num_predict=N_PIECES), on_pause=on_pause)) as events:
        first = await anext(events)
        await asyncio.wait_for(paused.wait(), 10)
        other, _ = await asyncio.wait_for(answer(talker, question(num_predict=3)), 10)
        rest = [event async for event in events]

    assert other == expected[: 3 * PIECE_CHARACTERS]
    texts = [event.content for event in (first, *rest) if isinstance(event, TextDelta)]
    assert "".join(texts) == expected
    assert len(texts[1]) < len(expected) / 2
    assert isinstance(rest[-1], RunnerFinished)
    assert rest[-1].answer_tokens == N_PIECES
    assert told == [True, False] * (len(told) // 2)


async def test_a_process_with_nothing_but_paused_answers_rests(talker: RunnerHandle) -> None:
    paused = asyncio.Event()
    async with aclosing(talker.generate(question(num_predict=-1), on_pause=lambda _is_paused: paused.set())) as events:
        await anext(events)
        await asyncio.wait_for(paused.wait(), 10)
        process = psutil.Process(talker.pid)
        before = process.cpu_times().user
        await asyncio.sleep(1)
        assert process.cpu_times().user - before < 0.2

    # The slot of an answer that was given up while it was paused is free.
    assert len((await answer(talker, question(num_predict=3)))[0]) == 3 * PIECE_CHARACTERS


async def test_an_answer_that_is_taken_is_never_paused(talker: RunnerHandle) -> None:
    told: list[bool] = []
    content = 0
    async for event in talker.generate(question(num_predict=FULL_CHARACTERS // PIECE_CHARACTERS), on_pause=told.append):
        if isinstance(event, TextDelta):
            content += len(event.content)

    assert content == FULL_CHARACTERS // PIECE_CHARACTERS * PIECE_CHARACTERS
    assert told == []
