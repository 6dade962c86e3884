"""Pages that are left: a temporary chat goes with the last page that shows it."""

from __future__ import annotations

import asyncio
from typing import Final

from django.utils import timezone

from webui.chats.answering.registry import Registry
from webui.chats.relay.database import in_database
from webui.chats.services import temporary

GRACE_S: Final = 10.0
"""A page whose connection breaks, or that is loaded anew, is back by then."""
STOPPING_S: Final = 10.0
POLL_S: Final = 0.1


async def end_temporary(registry: Registry, chat: str, grace_s: float = GRACE_S) -> None:
    """Remove a temporary chat, unless a page of this process shows it again meanwhile.

    What cannot be removed now, because an answer does not stop, goes with the next upkeep.
    """
    await asyncio.sleep(grace_s)
    if registry.watchers_of(chat):
        return
    deadline = asyncio.get_running_loop().time() + STOPPING_S
    while running := await in_database(temporary.end, chat):
        if asyncio.get_running_loop().time() > deadline:
            return
        for generation in running:
            registry.stop(generation)
        await asyncio.sleep(POLL_S)
    await in_database(temporary.purge_over, timezone.now())
