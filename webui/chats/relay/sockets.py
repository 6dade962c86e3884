"""Whether the person behind a socket may still use it: asked at every event, and once a second of all sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final, Literal, Protocol

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.db import DatabaseError
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from webui.accounts.models import User
from webui.chats.relay.database import first_in_database, in_database

logger = logging.getLogger(__name__)

CLOSE_SIGNED_OUT: Final = 4401
CLOSE_NOT_MEMBER: Final = 4403
CHECK_INTERVAL_S = 1.0

CloseCode = Literal[4401, 4403]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a socket was opened with."""

    user_id: int
    session_key: str | None
    session_hash: str
    """Changes with the password."""

    @classmethod
    def of_scope(cls, scope: Mapping[str, object]) -> Ticket | None:
        """Return None when nobody is signed in."""
        user, session = scope.get("user"), scope.get("session")
        if not isinstance(user, User) or session is None:
            return None
        return cls(
            user_id=user.pk,
            session_key=session.session_key,  # type: ignore[attr-defined]  # a session store
            session_hash=session.get(HASH_SESSION_KEY, ""),  # type: ignore[attr-defined]
        )


def check_tickets(tickets: Collection[Ticket]) -> dict[Ticket, User | CloseCode]:
    """Return for each socket its person as the database has them now, or the code to close it with.

    Two queries, whatever the number of sockets.
    """
    users = User.objects.in_bulk({ticket.user_id for ticket in tickets})
    sessions = _living_sessions({ticket.session_key for ticket in tickets if ticket.session_key})
    return {ticket: _verdict(ticket, users.get(ticket.user_id), sessions) for ticket in tickets}


def _verdict(ticket: Ticket, user: User | None, sessions: Collection[str]) -> User | CloseCode:
    if user is None or ticket.session_key not in sessions:
        return CLOSE_SIGNED_OUT
    if not constant_time_compare(ticket.session_hash, user.get_session_auth_hash()):
        return CLOSE_SIGNED_OUT
    return user if user.may_chat else CLOSE_NOT_MEMBER


def _living_sessions(keys: Collection[str]) -> set[str]:
    store = import_module(settings.SESSION_ENGINE).SessionStore
    if hasattr(store, "get_model_class"):
        rows = store.get_model_class().objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
        return set(rows.values_list("session_key", flat=True))
    return {key for key in keys if store().exists(key)}


class TicketChecks:
    """Checks the tickets of one event loop. Those who ask while others are being checked are checked together."""

    def __init__(self) -> None:
        self._waiting: set[Ticket] = set()
        self._next: asyncio.Task[dict[Ticket, User | CloseCode]] | None = None
        self._lock = asyncio.Lock()

    async def verdict(self, ticket: Ticket) -> User | CloseCode:
        """Return the person as the database has them after this call began, or the code to close with."""
        self._waiting.add(ticket)
        if self._next is None:
            self._next = asyncio.create_task(self._check())
        # Who gives up waiting must not take the answer away from the others.
        return (await asyncio.shield(self._next))[ticket]

    async def _check(self) -> dict[Ticket, User | CloseCode]:
        async with self._lock:
            tickets, self._waiting, self._next = self._waiting, set(), None
            return await first_in_database(check_tickets, tickets)


class CheckedSocket(Protocol):
    ticket: Ticket

    def close_soon(self, code: CloseCode) -> None: ...


async def watch_sockets(sockets: Collection[CheckedSocket], interval_s: float = CHECK_INTERVAL_S) -> None:
    """Close the sockets of people who were signed out, suspended, demoted or deleted; until none is left."""
    while sockets:
        await asyncio.sleep(interval_s)
        try:
            await check_sockets(sockets)
        except DatabaseError:
            logger.exception("The people behind the open sockets could not be checked.")


async def check_sockets(sockets: Collection[CheckedSocket]) -> None:
    open_now = list(sockets)
    verdicts = await in_database(check_tickets, [socket.ticket for socket in open_now])
    for socket in open_now:
        verdict = verdicts[socket.ticket]
        if not isinstance(verdict, User):
            socket.close_soon(verdict)
