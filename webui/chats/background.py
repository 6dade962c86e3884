"""What the web process does for the chats beside pages and sockets."""

from __future__ import annotations

import asyncio
import logging

from channels.db import database_sync_to_async
from django.db import DatabaseError
from django.utils import timezone

from webui.chats import conf
from webui.chats.registry import registry
from webui.chats.services import chats, generations

logger = logging.getLogger(__name__)

INTERVAL_S = 60.0
PROCESS_STARTED = timezone.now()


async def chat_upkeep(interval_s: float = INTERVAL_S) -> None:
    """Mark what a crash left running, then, once a minute, clear up; for as long as the process lives."""
    await database_sync_to_async(recover)()
    while True:
        await asyncio.sleep(interval_s)
        try:
            await database_sync_to_async(clear_up)()
        except DatabaseError:
            logger.exception("The chats could not be cleared up.")


async def end_answers() -> None:
    """Store the running answers as interrupted, with their text. For the end of the process."""
    await registry().aclose()


def recover() -> None:
    """Mark the answers whose process has died: at the start of the only process, all there are from before."""
    is_alone = not conf.has_several_processes()
    generations.interrupt_abandoned(PROCESS_STARTED if is_alone else timezone.now() - conf.HEARTBEAT_DEAD_AFTER)


def clear_up() -> None:
    now = timezone.now()
    generations.interrupt_abandoned(now - conf.HEARTBEAT_DEAD_AFTER)
    chats.purge_deleted(now)
