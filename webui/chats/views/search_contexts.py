"""What the templates of the search are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from webui.chats.search.snippets import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundChat:
    """A chat whose title was found."""

    title: Sequence[Part]
    url: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMessage:
    """A message that was found. `who`: "You", or who answered; `url` opens its chat at it."""

    who: str
    created_at: datetime
    snippet: Sequence[Part]
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInChat:
    """Messages of one chat that were found one after the other."""

    uuid: str
    title: str
    url: str
    messages: Sequence[FoundMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatResults:
    """A page of chats. `more_url` is that of the next one, empty on the last."""

    chats: Sequence[FoundChat] = ()
    more_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageResults:
    """A page of messages.

    Attributes:
        more_url: That of the next page; empty on the last.
        after_chat: The chat that the page before ended with: its heading is not repeated.
    """

    chats: Sequence[FoundInChat] = ()
    more_url: str = ""
    after_chat: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedFilter:
    """A filter of the query, and the search without it."""

    text: str
    without: str
    url_without: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterHelp:
    """A filter that can be typed, and what it does."""

    text: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedValue:
    """A value for the filter that is being typed, and the search with it."""

    name: str
    query: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the filter that is being typed can be completed with. `words` say what it does."""

    words: str
    values: Sequence[OfferedValue] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """All that `chats/search.html` shows."""

    typed: str
    max_chars: int
    is_empty: bool
    has_terms: bool
    known_filters: Sequence[FilterHelp]
    filters: Sequence[AppliedFilter] = ()
    offer: Offer | None = None
    problems: Sequence[str] = ()
    chats: ChatResults = field(default_factory=ChatResults)
    messages: MessageResults = field(default_factory=MessageResults)

    @property
    def has_results(self) -> bool:
        return bool(self.chats.chats or self.messages.chats or self.messages.more_url)
