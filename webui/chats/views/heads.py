"""How chats, folders and tags are named and reached on pages."""

from __future__ import annotations

from functools import cache
from typing import Final

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from webui.chats.models import Chat, Folder, Tag
from webui.chats.views.contexts import FolderHead, KeepingView
from webui.chats.views.sidebar_contexts import TagView

_UNNAMED: Final = "00000000-0000-0000-0000-000000000000"


def tag_view(tag: Tag) -> TagView:
    return TagView(uuid=str(tag.uuid), name=tag.name)


def keeping_view(chat: Chat) -> KeepingView:
    """Return how a chat is kept; one query."""
    return KeepingView(
        uuid=str(chat.uuid),
        is_archived=chat.archived_at is not None,
        is_deleted=chat.deleted_at is not None,
        tags=[tag_view(tag) for tag in chat.tags.order_by("key")],
    )


def chat_title(chat: Chat) -> str:
    return chat.title or _("New chat")


def chat_url(chat: Chat) -> str:
    return _chat_address().replace(_UNNAMED, str(chat.uuid))


@cache
def _chat_address() -> str:
    # Looked up once: a list has the addresses of many chats.
    return reverse("chats:chat", args=[_UNNAMED])


def folder_url(folder: Folder) -> str:
    return reverse("chats:folder", args=[folder.uuid])


def folder_head(folder: Folder) -> FolderHead:
    return FolderHead(uuid=str(folder.uuid), name=folder.name, url=folder_url(folder))


def render_folder_link(folder: Folder | None) -> str:
    return render_to_string("chats/_folder_link.html", {"folder": folder_head(folder) if folder else None})
