"""What the templates of kept chats and of tags are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptChat:
    """A row of the archived or the deleted chats. `moment`: when it was archived or deleted. `folder` may be empty."""

    uuid: str
    title: str
    url: str
    folder: str
    moment: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPage:
    """One keyset page of archived or deleted chats. `sidebar` is loaded by the page."""

    chats: Sequence[KeptChat]
    next_cursor: str | None
    before: str
    window_days: int
    sidebar: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedTag:
    """A tag and how many chats in the lists have it."""

    uuid: str
    name: str
    n_chats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsPage:
    tags: Sequence[CountedTag]
    name_max_length: int
    sidebar: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagTarget:
    """A tag to put on chats, of which some may have it already."""

    uuid: str
    name: str
    n_having: int
    n_chats: int

    @property
    def state(self) -> Literal["true", "mixed", "false"]:
        """Whether they have it, as ARIA says it."""
        if self.n_having == 0:
            return "false"
        return "true" if self.n_having == self.n_chats else "mixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggingPanel:
    """The tags for some chats. `title` is that of a single one, else empty."""

    chats: Sequence[str]
    title: str
    tags: Sequence[TagTarget]
    name_max_length: int
