"""The loop that takes chats from files, for as long as the web process lives."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

from channels.db import DatabaseSyncToAsync

from webui.chats.models import ChatImport
from webui.chats.transfer.taking import Worker, remove_left_over
from webui.chats.views.announcements import announce_sidebar

logger = logging.getLogger(__name__)

POLL_S = 1.0
RETRY_S = 5.0
# Between two pieces, in which those who chat are served.
REST_S = 0.02
SIDEBAR_S = 3.0


async def chat_import_loop() -> None:
    """Take in what is to be taken in, until cancelled. What was cut off goes on with the chat it had come to."""
    loop = asyncio.get_running_loop()
    await _in_thread(remove_left_over)
    worker = Worker()
    told_at = loop.time()
    # Its file is not closed when this is cancelled: a thread may be at work with it until the process ends.
    while True:
        try:
            running = cast(ChatImport | None, await _in_thread(worker.go_on))
        except Exception:
            # The outermost handler of imports; a chat that fails is given up after some attempts.
            logger.exception("A piece of an import of chats failed")
            await asyncio.sleep(RETRY_S)
            continue
        if running is None:
            await asyncio.sleep(POLL_S)
            continue
        if not running.is_running or loop.time() > told_at + SIDEBAR_S:
            told_at = loop.time()
            await _in_thread(announce_sidebar, running.owner)
        await asyncio.sleep(REST_S)


async def _in_thread(function: object, *args: object) -> object:
    return await DatabaseSyncToAsync(function, thread_sensitive=False)(*args)
