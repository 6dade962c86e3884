"""What the web process does for the chats beside pages and sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from importlib import import_module

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from webui.accounts import audit
from webui.chats import conf, intake
from webui.chats.answering.registry import registry
from webui.chats.relay.database import close_database_thread, in_database
from webui.chats.relay.protocol import GenerationEnded
from webui.chats.services import generations, images, purging, removals, temporary
from webui.presets import services as presets

logger = logging.getLogger(__name__)

INTERVAL_S = 60.0
PROCESS_STARTED = timezone.now()


async def chat_upkeep(interval_s: float | None = None) -> None:
    """Mark what a crash left running, then, now and again, clear up; for as long as the process lives."""
    # From the start, not from the first socket on: what the pages of this process change shows on others' too.
    registry().connect_processes()
    await in_database(recover)
    while True:
        await asyncio.sleep(interval_s or _interval_s())
        try:
            ended = await in_database(clear_up, registry().shown_chats())
        except DatabaseError:
            logger.exception("The chats could not be cleared up.")
            continue
        for end in ended:
            registry().tell_chat(end["chat"], end)


def _interval_s() -> float:
    """Return how often to look: where other processes may die, often enough that their pages do not wait for long."""
    if not conf.has_several_processes():
        return INTERVAL_S
    return min(INTERVAL_S, conf.heartbeat_timeout().total_seconds() / 2)


async def end_answers() -> None:
    """Store the running answers as interrupted, with their text. For the end of the process."""
    await registry().aclose()
    await close_database_thread()


def recover() -> None:
    """Mark the answers whose process has died: at the start of the only process, all there are from before.

    Temporary chats whose pages have gone meanwhile go too.
    """
    is_alone = not conf.has_several_processes()
    generations.interrupt_abandoned(PROCESS_STARTED if is_alone else timezone.now() - conf.heartbeat_timeout())
    temporary.purge_over(timezone.now())


def clear_up(shown: Collection[str] = ()) -> list[GenerationEnded]:
    """Return the ends of the answers whose process has died, for the pages that still wait for them.

    Args:
        shown: The chats that pages of this process show.
    """
    now = timezone.now()
    temporary.renew(shown, now)
    temporary.purge_over(now)
    purging.purge_deleted(now)
    removals.purge_removed(now)
    images.purge_unsent(now)
    presets.purge_deleted(now)
    audit.purge(now)
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    return intake.interrupt_abandoned(now - conf.heartbeat_timeout())
