"""Answers that are being written for programs: each ends within a second when who asked may not ask any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary, WeakSet

from channels.db import database_sync_to_async
from django.db import DatabaseError

from webui.accounts.keys import living_keys
from webui.accounts.model_access import refused
from webui.accounts.models import User
from webui.gateway.callers import Caller

logger = logging.getLogger(__name__)

CHECK_INTERVAL_S: Final = 0.4
"""Together with how long rules and permissions are kept, under a second."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class Running:
    """A request from its begin to the end of its answer; it counts as long as somebody holds it.

    Attributes:
        key_id: None for who asks with a session.
        model_key: Of `ModelInfo`; empty for what asks no model.
        break_off: Ends the waiting for the answer, or the answer itself.
    """

    user_id: int
    key_id: int | None
    model_key: str
    break_off: Callable[[], None] | None = None
    is_revoked: bool = False

    def revoke(self) -> None:
        """End it, once: it may still be held when it is looked at again."""
        if self.is_revoked:
            return
        self.is_revoked = True
        if self.break_off:
            self.break_off()


# Tasks belong to one event loop.
_running: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakSet[Running]] = WeakKeyDictionary()
_watchers: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()


def begin(caller: Caller, model_key: str = "") -> Running:
    """Return what to hold while a request runs. From now on it is watched."""
    running = Running(user_id=caller.user.pk, key_id=caller.key_id, model_key=model_key)
    loop = asyncio.get_running_loop()
    _running.setdefault(loop, WeakSet()).add(running)
    if (watcher := _watchers.get(loop)) is None or watcher.done():
        # In a context of its own: it outlives the request that happened to be the first.
        _watchers[loop] = loop.create_task(_watch(_running[loop]), context=Context())
    return running


async def _watch(running: WeakSet[Running]) -> None:
    while running:
        await asyncio.sleep(CHECK_INTERVAL_S)
        await _end_revoked(list(running))


async def _end_revoked(running: Sequence[Running]) -> None:
    if not running:
        return
    try:
        revoked = await database_sync_to_async(_revoked, thread_sensitive=False)(running)
    except DatabaseError:
        logger.exception("Who may go on asking could not be checked.")
        return
    for one in revoked:
        one.revoke()


def _revoked(running: Sequence[Running]) -> list[Running]:
    people = User.objects.in_bulk({one.user_id for one in running})
    keys = living_keys({one.key_id for one in running if one.key_id is not None})
    unusable = refused([(one.user_id, one.model_key) for one in running if one.model_key])
    return [
        one
        for one in running
        if one.user_id not in people
        or not people[one.user_id].may_chat
        or (one.key_id is not None and one.key_id not in keys)
        or (one.user_id, one.model_key) in unusable
    ]
