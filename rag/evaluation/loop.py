"""Golden questions run again by themselves when embedder, chunker, search, documents or questions have changed.

Of all that the web process does beside pages this gives way first: to documents that are read, to answers that are
written, and between two questions it rests for longer than it worked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from inference import client
from inference.errors import InferenceError
from rag import tasks, waking
from rag.models import Evaluation
from rag.retrieval import retrieve
from rag.services import evaluations
from rag.services.evaluations import Marks, Trial
from rag.threads import in_thread

logger = logging.getLogger(__name__)

POLL_S = 5.0
# A change is waited out for so long: people rarely change one thing alone.
SETTLE_S = 20.0
RETRY_AFTER = timedelta(minutes=10)
# Between two questions, as a multiple of what the last one took.
REST_SHARE = 4.0
ANSWER_POLL_S = 1.0
# After so long a question is asked beside answers: a site that is never quiet learns of its regressions too.
MOST_WAIT_S = 30.0

# Traces with these problems are as they should be: there is nothing to compare meanings with.
_NO_PROBLEMS = ("", "no documents", "no index")
RERANKER = "reranker"


class _Impaired(Exception):
    """A model of the search did not do its part: ranks would tell of that, not of the search."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


async def evaluation_loop() -> None:
    """Run what is asked for, and what is due, until cancelled."""
    await tasks.become_owner()
    settling = Settling()
    with waking.evaluations.listening() as event:
        while True:
            event.clear()
            await run_due(settling)
            try:
                await asyncio.wait_for(event.wait(), POLL_S)
            except TimeoutError:
                continue


class Settling:
    """Since when each knowledge's marks are what they are."""

    def __init__(self, settle_s: float = SETTLE_S) -> None:
        self._settle_s = settle_s
        self._seen: dict[int, tuple[Marks, float]] = {}

    def settled(self, marks: dict[int, Marks], now_s: float) -> Iterator[int]:
        """Yield the ids of those that have not changed for long enough."""
        self._seen = {
            knowledge: self._seen[knowledge]
            if knowledge in self._seen and self._seen[knowledge][0] == mark
            else (mark, now_s)
            for knowledge, mark in marks.items()
        }
        yield from (knowledge for knowledge, (_, since) in self._seen.items() if now_s - since >= self._settle_s)


async def run_due(settling: Settling) -> None:
    """Run once what waits, then what is due."""
    is_idle = await in_thread(evaluations.is_ingestion_idle)
    for run in await in_thread(evaluations.active_runs):
        if run.asked_by_id or is_idle:
            await evaluate(run)
    if not is_idle:
        return
    for run in await in_thread(_begin_due_runs, settling):
        await evaluate(run)


def _begin_due_runs(settling: Settling) -> list[Evaluation]:
    marks = evaluations.marks_now()
    retry_before = timezone.now() - RETRY_AFTER
    due = [
        knowledge
        for knowledge in settling.settled(marks, time.monotonic())
        if evaluations.is_due(knowledge, marks[knowledge], retry_before)
    ]
    runs = [evaluations.begin_due_run(knowledge, marks[knowledge]) for knowledge in due]
    return [run for run in runs if run is not None]


async def evaluate(run: Evaluation) -> None:
    """Bring a run to its end, or fail it with its reason; one that must stand back is left for later. Never raises."""
    try:
        reader_id = await in_thread(evaluations.reader_of, run)
        if reader_id is None:
            await in_thread(evaluations.fail, run, evaluations.UNREADABLE)
            return
        for trial in await in_thread(evaluations.take_up, run):
            if await in_thread(evaluations.must_stand_back, run):
                return
            began = time.perf_counter()
            await _try(run, trial, reader_id)
            await _rest(time.perf_counter() - began, gives_way=run.asked_by_id is None)
        await in_thread(evaluations.finish, run)
    except _Impaired as exc:
        logger.info("Evaluation %d was given up: %s", run.pk, exc.problem)
        await in_thread(evaluations.fail, run, exc.problem)
    except Exception:
        # The outermost handler of this run; the others go on.
        logger.exception("Evaluation %d failed", run.pk)
        await in_thread(evaluations.fail, run, evaluations.CRASHED)


async def _try(run: Evaluation, trial: Trial, reader_id: int) -> None:
    began = time.perf_counter()
    found = await retrieve(
        user_id=reader_id,
        question=trial.question,
        document_ids=(),
        knowledge_ids=[run.knowledge_id],
        limit=evaluations.LIMIT,
    )
    if found.trace.dense_problem not in _NO_PROBLEMS:
        raise _Impaired(found.trace.dense_problem)
    if found.trace.rerank_problem:
        raise _Impaired(RERANKER)
    await in_thread(evaluations.record, run, trial, found.passages, time.perf_counter() - began)


async def _rest(worked_s: float, *, gives_way: bool) -> None:
    await asyncio.sleep(REST_SHARE * worked_s)
    waited_s = 0.0
    while gives_way and waited_s < MOST_WAIT_S and await _is_answering():
        await asyncio.sleep(ANSWER_POLL_S)
        waited_s += ANSWER_POLL_S


async def _is_answering() -> bool:
    """Whether the built-in server writes an answer; one elsewhere does not wait for this machine."""
    try:
        return any(runner.n_active for runner in await client.runners())
    except InferenceError:
        return False
