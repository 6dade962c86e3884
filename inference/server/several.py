"""Several answers to one question, at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from inference.server.answers import AnswerEvent, answer_events
from inference.server.askers import Asker
from inference.server.bodies import AnswerBody
from inference.server.state import ServerState
from inference.server.wire import Kind

Numbered = tuple[int, AnswerEvent]
"""An event, after the number of the answer it belongs to."""


async def numbered_events(
    state: ServerState, body: AnswerBody, kind: Kind, asker: Asker, *, n: int
) -> AsyncGenerator[Numbered, None]:
    """Yield the events of `n` answers as they come. Each answer waits for its turn like a request of its own.

    Closing the generator stops the decode of all; an error of one ends the others.

    Raises:
        InferenceError: As `answer_events`.
    """
    if n == 1:  # As most are: without a task for each of its pieces.
        async with aclosing(answer_events(state, body, kind, asker)) as events:
            async for event in events:
                yield 0, event
        return
    bodies = [replace(body, seed_offset=number) for number in range(n)]
    answers = [answer_events(state, body, kind, asker) for body in bodies]
    pending = {_next(answer): number for number, answer in enumerate(answers)}
    try:
        while pending:
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                number = pending.pop(task)
                told = task.result()
                if told is not None:
                    yield number, told
                    pending[_next(answers[number])] = number
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for answer in answers:
            await answer.aclose()


def _next(answer: AsyncGenerator[AnswerEvent, None]) -> asyncio.Future[AnswerEvent | None]:
    return asyncio.ensure_future(anext(answer, None))
