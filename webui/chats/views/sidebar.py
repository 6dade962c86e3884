"""The sidebar: pinned chats, folders, and the other chats in groups of time; whole, and what of it has changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from webui.accounts.models import User
from webui.chats import queries
from webui.chats.models import Chat, Tag
from webui.chats.queries import ListedFolder
from webui.chats.views.heads import chat_title, chat_url, folder_url, tag_view
from webui.chats.views.sidebar_contexts import ChatRow, SidebarFolder, SidebarGroup, SidebarPage


def sidebar_page(
    user: User,
    *,
    before: str | None = None,
    current: UUID | str | None = None,
    after_label: str = "",
    tag: Tag | None = None,
) -> SidebarPage:
    """Return one page of the chats outside folders in groups of time, the first one with pinned chats and folders.

    With a tag, the chats that have it, wherever they stand, and nothing else.

    Raises BadCursor for a made-up `before`.
    """
    page = queries.tagged_page(user, tag, before) if tag else queries.chat_page(user, before)
    is_whole = not before and not tag
    return SidebarPage(
        groups=_grouped(page.rows),
        next_cursor=page.next_cursor,
        current_uuid=str(current) if current else None,
        after_label=after_label,
        pinned=[row_of(chat) for chat in queries.pinned_chats(user)] if is_whole else (),
        folders=[_sidebar_folder(listed) for listed in queries.listed_folders(user)] if is_whole else None,
        tag=tag_view(tag) if tag else None,
    )


def render_sidebar(user: User, *, current: UUID | str | None = None) -> str:
    return render_to_string("chats/_sidebar_chats.html", {"sidebar": sidebar_page(user, current=current)})


def render_row(chat: Chat) -> str:
    return render_to_string("chats/_chat_rows.html", {"chats": [row_of(chat)]})


def render_sidebar_folder(user: User, uuid: UUID | str) -> str:
    """Return a folder's row with the chats under it; empty when there is no such folder."""
    rows = (_sidebar_folder(listed) for listed in queries.listed_folders(user, uuid))
    return "".join(render_to_string("chats/_sidebar_folder.html", {"folder": row}) for row in rows)


def _sidebar_folder(listed: ListedFolder) -> SidebarFolder:
    folder = listed.folder
    return SidebarFolder(
        uuid=str(folder.uuid),
        name=folder.name,
        url=folder_url(folder),
        n_chats=listed.n_chats,
        is_open=folder.is_open,
        chats=[row_of(chat) for chat in listed.newest],
    )


def _grouped(chats: Iterable[Chat]) -> list[SidebarGroup]:
    groups: dict[str, list[ChatRow]] = {}
    today = timezone.localdate()
    for chat in chats:
        groups.setdefault(_label(timezone.localdate(chat.updated_at), today), []).append(row_of(chat))
    return [SidebarGroup(label=label, chats=entries) for label, entries in groups.items()]


def row_of(chat: Chat) -> ChatRow:
    title = chat_title(chat)
    return ChatRow(
        uuid=str(chat.uuid),
        title=title,
        url=chat_url(chat),
        menu_label=_("Actions for %(title)s") % {"title": title},
        is_pinned=chat.is_pinned,
    )


def group_label(moment: datetime) -> str:
    """Return the heading that chats of that time stand under."""
    return _label(timezone.localdate(moment), timezone.localdate())


def _label(day: date, today: date) -> str:
    if day >= today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    if day > today - timedelta(days=7):
        return _("Previous 7 days")
    if day > today - timedelta(days=30):
        return _("Previous 30 days")
    return date_format(day, "YEAR_MONTH_FORMAT")
