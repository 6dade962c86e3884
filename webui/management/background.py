"""The tasks that live as long as the web process: what starts with it, runs beside it and ends before it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

logger = logging.getLogger(__name__)
RESTART_AFTER_S = 5.0
SHUTDOWN_TIMEOUT_S = 6.0

Job = Callable[[], Awaitable[None]]


class BackgroundJobs:
    """Owns the endless jobs of the process and the farewells to be said before it ends.

    A job that fails is logged and started again; the others go on.
    """

    def __init__(self, *, jobs: Sequence[Job], farewells: Sequence[Job], restart_after_s: float = RESTART_AFTER_S):
        self._jobs = jobs
        self._farewells = farewells
        self._restart_after_s = restart_after_s
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._task = loop.create_task(self._run())

    async def stop(self) -> None:
        """Say the farewells, which takes no longer than SHUTDOWN_TIMEOUT_S, then end all jobs."""
        try:
            async with asyncio.timeout(SHUTDOWN_TIMEOUT_S):
                for farewell in self._farewells:
                    await farewell()
        except TimeoutError:
            logger.warning("The process did not end cleanly within %s s", SHUTDOWN_TIMEOUT_S)
        finally:
            self._stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        running = [asyncio.create_task(self._keep_running(job)) for job in self._jobs]
        try:
            await self._stopping.wait()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _keep_running(self, job: Job) -> None:
        while True:
            try:
                await job()
                return
            except Exception:
                logger.exception("A background job failed; it is started again")
            await asyncio.sleep(self._restart_after_s)
