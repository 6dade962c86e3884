"""Reading chats: pages of the sidebar, the tree of one chat, what runs in it."""

from __future__ import annotations

from django.db.models import QuerySet

from webui.accounts.models import User
from webui.chats.branches import Parents
from webui.chats.models import Chat, Generation
from webui.ui.keyset import KeysetPage, newest_first

PAGE_SIZE = 40


def visible_chats(user: User) -> QuerySet[Chat]:
    """Return a person's chats, newest first. Never touches messages."""
    return Chat.objects.filter(owner=user, deleted_at=None).order_by("-updated_at", "-id")


def chat_page(user: User, before: str | None = None) -> KeysetPage[Chat]:
    """Return one page of the sidebar; one query, whatever the number of chats.

    Raises:
        BadCursor: `before` is not the `next_cursor` of a page.
    """
    chats = visible_chats(user).only("uuid", "title", "updated_at")
    return newest_first(chats, field="updated_at", before=before, limit=PAGE_SIZE)


def parents_of(chat: Chat) -> Parents:
    return dict(chat.messages.values_list("id", "parent_id"))


def active_generations(chat: Chat) -> QuerySet[Generation]:
    return Generation.objects.filter(message__chat=chat, state__in=Generation.ACTIVE_STATES)
