"""The journal of running answers: what a crash may cost is one second of text."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from django.db import DatabaseError

from webui.chats.answering.live import LiveAnswer
from webui.chats.relay.database import in_database
from webui.chats.services.generations import write_journal

logger = logging.getLogger(__name__)

INTERVAL_S = 0.8
"""Less than that second: the text waits for its push before, and the write takes its time after."""


async def keep_journal(answers: Mapping[str, LiveAnswer], interval_s: float = INTERVAL_S) -> None:
    """Write once an interval until no answer is left."""
    while answers:
        await asyncio.sleep(interval_s)
        await write_once(answers)


async def write_once(answers: Mapping[str, LiveAnswer]) -> None:
    """Store the new text of all running answers in one transaction."""
    running = list(answers.values())
    entries = [entry for answer in running if (entry := answer.journal_entry()) is not None]
    try:
        await in_database(write_journal, entries, [answer.task.generation_id for answer in running])
    except DatabaseError:
        # A busy or full disk must not end the answers: the next second tries again with all of the text.
        logger.exception("The journal of running answers could not be written.")
        for answer in running:
            answer.forget_journal()
