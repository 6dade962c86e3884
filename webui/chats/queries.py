"""Reading chats: folders and pages of the sidebar, the tree of one chat, what runs in it."""

from __future__ import annotations

from django.db.models import QuerySet

from webui.accounts.models import User
from webui.chats.branches import Parents
from webui.chats.models import Chat, Folder, Generation
from webui.ui.keyset import KeysetPage, newest_first

PAGE_SIZE = 40
CHATS_OF_FOLDER = 5
"""So many of an open folder's chats stand in the sidebar."""


def visible_chats(user: User) -> QuerySet[Chat]:
    """Return a person's chats, newest first. Never touches messages."""
    return Chat.objects.filter(owner=user, deleted_at=None).order_by("-updated_at", "-id")


def chat_page(user: User, before: str | None = None, *, folder: Folder | None = None) -> KeysetPage[Chat]:
    """Return one page of the chats in a folder, or of those in none; one query, whatever the number of chats.

    Raises:
        BadCursor: `before` is not the `next_cursor` of a page.
    """
    chats = visible_chats(user).filter(folder=folder).only("uuid", "title", "updated_at")
    return newest_first(chats, field="updated_at", before=before, limit=PAGE_SIZE)


def visible_folders(user: User) -> QuerySet[Folder]:
    return Folder.objects.filter(owner=user, deleted_at=None)


def parents_of(chat: Chat) -> Parents:
    return dict(chat.messages.values_list("id", "parent_id"))


def active_generations(chat: Chat) -> QuerySet[Generation]:
    return Generation.objects.filter(message__chat=chat, state__in=Generation.ACTIVE_STATES)
