"""What the decode loop puts into its batches, over a real model in this process."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from inference.runner.answers import AnswerShape
from inference.runner.engine import MIN_PROMPT_ROWS, Engine, Share
from inference.runner.native import Context, ContextShape, Model, NativeLog
from inference.runner.options import checked_options
from inference.runner.running import Request
from inference.runner.worker import Ticket

pytestmark = pytest.mark.model

N_SLOTS = 4
N_CTX = 2048


@cache
def log() -> NativeLog:
    """The one of this process: llama.cpp keeps calling it, whoever loads something here later."""
    return NativeLog()


class Watched:
    """An engine whose batches are written down: for each step the sequences and how many rows each has."""

    def __init__(self, context: Context, model: Model) -> None:
        self.engine = Engine(model, context, n_slots=N_SLOTS, n_ctx=N_CTX, max_queue=8)
        self.batches: list[list[tuple[int, int]]] = []
        self.answers: dict[int, str] = {}
        self.tickets: dict[int, Ticket] = {}
        self._ids = itertools.count(1)
        decode = self.engine._decode

        def watched(shares: list[Share], run: object) -> bool:
            self.batches.append([(share.running.slot.index, share.n_rows) for share in shares])
            return decode(shares, run)  # type: ignore[arg-type]

        self.engine._decode = watched  # type: ignore[method-assign]

    def ask(self, n_tokens: int, *, first: int = 0, n_answer: int = 400) -> int:
        """Submit a prompt of so many tokens; requests with one `first` have one prompt."""
        number = next(self._ids)
        ticket = self.tickets[number] = Ticket(number)
        prompt = (np.arange(first, first + n_tokens) * 7 % 200).astype(np.int32)
        options = checked_options({"temperature": 0, "num_predict": n_answer})
        self.answers[number] = ""
        self.engine.submit(Request(ticket=ticket, prompt=prompt, options=options, answer=AnswerShape(is_raw=True)))
        return number

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            for event in self.engine.step():
                self.answers[event["id"]] += event.get("content", "")

    def run(self) -> None:
        while self.engine.has_work:
            self.step()


@pytest.fixture
def watched(tiny_gguf: Path) -> Iterator[Watched]:
    model = Model("tiny", tiny_gguf, log())
    shape = ContextShape(n_ctx=N_SLOTS * N_CTX, n_sequences=N_SLOTS, n_batch=512, n_threads=1, is_divided=True)
    context = Context(model, shape, log())
    yield Watched(context, model)
    context.close()


def test_answers_that_run_at_the_same_time_lie_side_by_side(watched: Watched) -> None:
    first, gone, third = (watched.ask(40, first=first) for first in (0, 1000, 2000))
    watched.step(5)
    watched.tickets[gone].cancel()
    watched.step(5)

    indices = [index for index, _ in watched.batches[-1]]
    assert indices == list(range(indices[0], indices[0] + 2))
    beside = watched.answers[first][:20], watched.answers[third][:20]
    for number in (first, third):
        watched.tickets[number].cancel()
    watched.run()

    alone = []
    for start in (0, 2000):
        number = watched.ask(40, first=start, n_answer=10)
        watched.run()
        alone.append(watched.answers[number])
    assert all(alone)
    assert all(answer.startswith(text[:5]) for answer, text in zip(beside, alone, strict=True))


def test_batches_are_in_the_order_of_their_sequences(watched: Watched) -> None:
    for first in range(0, 4000, 1000):
        watched.ask(30, first=first, n_answer=20)
    watched.run()

    assert all(batch == sorted(batch) for batch in watched.batches)
    assert max(map(len, watched.batches)) == N_SLOTS


def test_a_long_prompt_beside_answers_comes_in_pieces_that_are_worth_it(watched: Watched) -> None:
    watched.ask(40)
    watched.step(5)
    watched.engine._pace.learn(100, 100.0)  # a machine that is much too slow for its aim
    watched.batches.clear()

    watched.ask(1000, first=500)
    watched.ask(30, first=900)
    watched.step(40)

    pieces = [rows for batch in watched.batches for _, rows in batch if rows > 1]
    assert sum(pieces) == 1000 + 30
    assert min(pieces[:-1]) >= MIN_PROMPT_ROWS
    assert max(pieces) < 2 * MIN_PROMPT_ROWS
    assert all(any(rows == 1 for _, rows in batch) for batch in watched.batches)


def test_a_prompt_alone_fills_the_batch(watched: Watched) -> None:
    watched.ask(1000, n_answer=2)
    watched.run()

    assert [rows for batch in watched.batches for _, rows in batch] == [512, 488, 1]


def test_a_small_batch_is_no_reason_to_wait_for_ever(tiny_gguf: Path) -> None:
    model = Model("tiny", tiny_gguf, log())
    shape = ContextShape(n_ctx=N_SLOTS * N_CTX, n_sequences=N_SLOTS, n_batch=8, n_threads=1, is_divided=True)
    context = Context(model, shape, log())
    watched = Watched(context, model)
    for first in (0, 1000, 2000):
        watched.ask(40, first=first, n_answer=5)

    watched.run()

    assert max(sum(rows for _, rows in batch) for batch in watched.batches) <= 8
    assert not watched.engine.has_work
    context.close()
