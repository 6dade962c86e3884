"""The loop that takes archives in, a piece of each in turn, for as long as the web process lives."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from django.core.files.storage import default_storage

from rag import waking
from rag.imports.taking import go_on, left_over_archives
from rag.tasks import become_owner
from rag.threads import in_thread

logger = logging.getLogger(__name__)

# An archive that another web process was given is found at the latest after so long.
POLL_S = 2.0
RETRY_S = 5.0


async def import_loop() -> None:
    """Take in what is to be taken in, until cancelled. What was cut off goes on with the file it had come to."""
    await become_owner()
    await in_thread(_remove_left_over)
    with waking.imports.listening() as event:
        while True:
            event.clear()
            delay_s = await _step()
            if delay_s:
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), delay_s)


async def _step() -> float:
    """Do the next piece; return the seconds to wait for more. Never raises."""
    try:
        return 0.0 if await in_thread(go_on) else POLL_S
    except Exception:
        # The outermost handler of imports; the file is given up after some attempts.
        logger.exception("A piece of an import failed")
        return RETRY_S


def _remove_left_over() -> None:
    for name in left_over_archives():
        default_storage.delete(name)
