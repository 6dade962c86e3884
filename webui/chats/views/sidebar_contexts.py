"""What the lists of chats show: in the sidebar, and on the page of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TagView:
    uuid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRow:
    """A chat in a list. `menu_label` is what its menu is called; `updated_at` is there where the list shows it."""

    uuid: str
    title: str
    url: str
    menu_label: str
    is_pinned: bool = False
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SidebarGroup:
    """Chats of one stretch of time. `label` is "Today", "Yesterday" ... in the reader's language."""

    label: str
    chats: Sequence[ChatRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class SidebarFolder:
    """A folder of chats, with the newest of them while it is open."""

    uuid: str
    name: str
    url: str
    n_chats: int
    is_open: bool
    chats: Sequence[ChatRow]

    @property
    def has_more(self) -> bool:
        return self.is_open and self.n_chats > len(self.chats)


@dataclass(frozen=True, slots=True, kw_only=True)
class SidebarPage:
    """One keyset page of the sidebar.

    Attributes:
        folders: None on later pages, and where only the chats of a tag are shown.
        pinned: Only on the first page.
        tag: The one whose chats alone are shown; None for all chats.
        groups: May be empty. A later page can begin with the group the page before ended with.
        next_cursor: For `chats:list` `?before=`; None on the last page.
        current_uuid: The chat or folder being shown; None on other pages and in pages sent by the socket.
        after_label: Label of the last group of the page before; that heading is not repeated.
    """

    groups: Sequence[SidebarGroup]
    next_cursor: str | None
    current_uuid: str | None
    after_label: str = ""
    folders: Sequence[SidebarFolder] | None = None
    pinned: Sequence[ChatRow] = ()
    tag: TagView | None = None
