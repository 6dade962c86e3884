"""Temporary chats: they are there as long as a page shows them, and stand in no list, no search and no export."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone

from webui.accounts.models import User
from webui.chats.errors import NotFound
from webui.chats.models import Chat, Generation
from webui.chats.services.purging import purge_chat

LEASE: Final = timedelta(minutes=3)
"""How long a temporary chat outlives the process that knows which pages show it."""


def begin_temporary(owner: User) -> Chat:
    """Make an empty temporary chat, for a page that is about to show it."""
    return Chat.objects.create(owner=owner, temporary_until=timezone.now() + LEASE, has_automatic_title=False)


def hold(chat: Chat | None) -> None:
    """Keep a temporary chat there until the transaction is over, for what comes into it; None is any other chat.

    Raises:
        NotFound: It has gone meanwhile.
    """
    if chat and not Chat.objects.select_for_update().filter(pk=chat.pk).exists():
        raise NotFound


def renew(shown: Collection[str], now: datetime) -> None:
    """Put off the end of those that pages show, by their uuids."""
    standing = Chat.objects.exclude(temporary_until=None).values_list("pk", "uuid")
    kept = [pk for pk, uuid in standing if str(uuid) in shown]
    if kept:
        Chat.objects.filter(pk__in=kept).update(temporary_until=now + LEASE)


def end(uuid: str) -> list[str]:
    """Let a temporary chat be over; return the generations that have to be stopped before it can go."""
    Chat.objects.filter(uuid=uuid).exclude(temporary_until=None).update(temporary_until=timezone.now())
    active = Generation.objects.filter(message__chat__uuid=uuid, state__in=Generation.ACTIVE_STATES)
    return [str(generation) for generation in active.values_list("uuid", flat=True)]


def purge_over(now: datetime) -> int:
    """Remove the temporary chats that are over, with what was uploaded in them; return how many."""
    # What still answers writes into rows that have to be there.
    answering = Generation.objects.filter(state__in=Generation.ACTIVE_STATES).values("message__chat")
    over = Chat.objects.filter(Q(temporary_until__lte=now) & ~Q(pk__in=answering))
    n_purged = 0
    for chat in over.only("id", "owner_id"):
        purge_chat(chat)
        n_purged += 1
    return n_purged
