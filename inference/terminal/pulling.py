"""The progress of a download: bars for eyes, a line a step for logs."""

from __future__ import annotations

from collections.abc import AsyncIterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from inference.types import PullProgress


async def show_progress(steps: AsyncIterator[PullProgress], console: Console) -> None:
    """Print the steps of a pull as they come; returns with the last one."""
    if console.is_terminal:
        await _draw(steps, console)
        return
    last = ""
    async for step in steps:
        if step.status != last:
            console.print(step.status, markup=False, highlight=False)
        last = step.status


async def _draw(steps: AsyncIterator[PullProgress], console: Console) -> None:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}
        async for step in steps:
            if step.total_bytes is None:
                bars.console.print(step.status, markup=False, highlight=False)
                continue
            if step.status not in tasks:
                tasks[step.status] = bars.add_task(step.status, total=step.total_bytes)
            bars.update(tasks[step.status], completed=step.completed_bytes or 0, total=step.total_bytes)
