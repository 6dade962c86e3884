from __future__ import annotations

import asyncio
import logging

import pytest

from webui.management import background
from webui.management.background import BackgroundJobs


class Witness:
    """Jobs that write down what happens to them."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.has_started = asyncio.Event()

    async def endless(self) -> None:
        self.seen.append("job started")
        self.has_started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.seen.append("job ended")

    async def failing_twice(self) -> None:
        self.seen.append("try")
        if self.seen.count("try") == 3:
            self.has_started.set()
            await asyncio.Event().wait()
        raise ValueError("broken")

    async def farewell(self) -> None:
        self.seen.append("farewell")

    async def hanging(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
async def witness() -> Witness:
    return Witness()


async def test_farewells_are_said_while_the_jobs_still_run(witness: Witness) -> None:
    jobs = BackgroundJobs(jobs=[witness.endless], farewells=[witness.farewell])
    jobs.start(asyncio.get_running_loop())
    await witness.has_started.wait()

    await jobs.stop()

    assert witness.seen == ["job started", "farewell", "job ended"]


async def test_a_job_that_fails_is_logged_and_started_again(witness: Witness, caplog: pytest.LogCaptureFixture) -> None:
    jobs = BackgroundJobs(jobs=[witness.failing_twice], farewells=[], restart_after_s=0)
    jobs.start(asyncio.get_running_loop())
    async with asyncio.timeout(5):
        await witness.has_started.wait()
    await jobs.stop()

    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert all(record.exc_info for record in caplog.records)


async def test_a_farewell_that_hangs_does_not_hold_up_the_end(
    witness: Witness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "SHUTDOWN_TIMEOUT_S", 0.05)
    jobs = BackgroundJobs(jobs=[witness.endless], farewells=[witness.hanging])
    jobs.start(asyncio.get_running_loop())
    await witness.has_started.wait()

    async with asyncio.timeout(5):
        await jobs.stop()

    assert witness.seen[-1] == "job ended"
    assert "did not end" in caplog.text
