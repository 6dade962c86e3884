"""Run a blocking generator beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from typing import Any

_END: Any = object()


async def stepped(lines: Iterator[Mapping[str, Any]]) -> AsyncGenerator[dict[str, Any], None]:
    """Yield what a generator yields, computing each step in a thread.

    Closing it waits for the step under way, and then closes the generator, so that it can clean up after itself.
    """
    step: asyncio.Future[Any] | None = None
    try:
        while True:
            step = asyncio.ensure_future(asyncio.to_thread(next, lines, _END))
            line = await asyncio.shield(step)
            if line is _END:
                return
            yield dict(line)
    finally:
        if step is not None and not step.done():
            await asyncio.wait([step])
        if isinstance(lines, Generator):
            await asyncio.to_thread(lines.close)
