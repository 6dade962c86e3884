from __future__ import annotations

from collections.abc import AsyncIterator
from io import StringIO

from rich.console import Console

from inference.terminal.pulling import show_progress
from inference.types import PullProgress

STEPS = (
    PullProgress(status="pulling manifest"),
    *(PullProgress(status="pulling 1a2b", total_bytes=2_000_000, completed_bytes=n) for n in (0, 1_000_000, 2_000_000)),
    PullProgress(status="[verifying]"),
    PullProgress(status="success"),
)


async def steps() -> AsyncIterator[PullProgress]:
    for step in STEPS:
        yield step


async def printed(*, is_terminal: bool) -> str:
    output = StringIO()
    await show_progress(steps(), Console(file=output, force_terminal=is_terminal, width=100))
    return output.getvalue()


async def test_a_log_gets_a_line_a_step() -> None:
    text = await printed(is_terminal=False)

    assert text.splitlines() == ["pulling manifest", "pulling 1a2b", "[verifying]", "success"]


async def test_a_terminal_gets_a_bar_that_ends_full() -> None:
    text = await printed(is_terminal=True)

    assert "2.0/2.0 MB" in text
    assert "[verifying]" in text
    assert "success" in text
