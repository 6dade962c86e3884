"""A chat on its way in: what every reader makes of a file, and what the rows are made of. Nothing in it is trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]


class Note(StrEnum):
    """What of a chat could not be taken as it was, or why none of it was. The sentence is made where it is shown."""

    NOT_JSON = "not_json"
    CUT_OFF = "cut_off"
    """The file ends in the middle of it."""
    TOO_LARGE = "too_large"
    NOT_A_CHAT = "not_a_chat"
    NO_MESSAGES = "no_messages"
    TOO_MANY_MESSAGES = "too_many_messages"
    NOT_STORED = "not_stored"
    """The database refused it, or it ended the process again and again."""

    DANGLING = "dangling"
    CIRCLES = "circles"
    DOUBLES = "doubles"
    NO_SHOWN = "no_shown"
    NO_MESSAGE = "no_message"
    """Something stood in the place of a message that is none."""
    MOMENTS = "moments"
    CUT_TEXTS = "cut_texts"
    CUT_TITLE = "cut_title"
    MISSING_FILES = "missing_files"
    REFUSED_FILES = "refused_files"
    KNOWLEDGE = "knowledge"
    FOLDER = "folder"
    TAGS = "tags"
    PINNED = "pinned"
    RECORDS = "records"
    """Figures of an answer that cannot be right."""
    PARTS = "parts"
    """Parts of messages that are neither text nor a file, such as sound."""
    TOO_MANY = "too_many"
    """Files, pictures, sources and the like, of which a message or a chat can have only so many."""
    HIDDEN = "hidden"
    """Messages that nobody saw, and that go with no answer."""
    OPTIONS = "options"
    """Settings of models that are not known here, or have values that they cannot have."""


REFUSALS = frozenset(
    {
        Note.NOT_JSON, Note.CUT_OFF, Note.TOO_LARGE, Note.NOT_A_CHAT, Note.NO_MESSAGES, Note.TOO_MANY_MESSAGES,
        Note.NOT_STORED,
    }
)  # fmt: skip
"""Of these one is enough: nothing of the chat is taken."""


class NotTaken(Exception):
    """Nothing of a chat can be taken."""

    def __init__(self, note: Note) -> None:
        super().__init__(note.value)
        self.note = note


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenFile:
    """A file that goes with a message or a folder.

    Attributes:
        entry: Where it is in the archive; empty when it is not in one.
        content: What it holds, when that stands in the chat itself.
        sha256: What its owner's document of it is known by.
        id: Of a document that somebody else shares.
        is_upload: It came into a chat, and goes with the last one that asks it.
    """

    name: str
    entry: str = ""
    content: bytes = b""
    sha256: str = ""
    source_url: str = ""
    id: str = ""
    is_upload: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenImage:
    """A picture that goes with a question, or is an answer.

    Attributes:
        id: Empty when the file gives it none.
        is_drawn_here: This server has made its file: that stays as it is, where others are drawn anew.
    """

    file: TakenFile
    id: str = ""
    created_at: datetime | None = None
    is_drawn_here: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenCitation:
    number: int
    document_name: str
    text: str
    start: int = 0
    end: int = 0
    document: TakenFile | None = None
    is_of_own_document: bool = True
    page: int | None = None
    page_kind: str = "page"
    page_name: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenRating:
    is_good: bool
    rated_at: datetime
    reasons: Sequence[str] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenGeneration:
    """How an answer came to be. `ledger` is empty unless this server itself has written it."""

    id: str
    state: str
    created_at: datetime
    heartbeat_at: datetime
    first_delta_at: datetime | None = None
    finished_at: datetime | None = None
    error_code: str = ""
    error_facts: Mapping[str, Any] = field(default_factory=dict)
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    cached_tokens: int | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    ledger: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenSource:
    """An answer that another one was made of: its id in the file, and who gave it."""

    id: str
    name: str


@dataclass(slots=True, kw_only=True)
class TakenMessage:
    """A message. `parent` is the id of another one of its chat, which `trees` sees to."""

    id: str
    parent: str | None
    role: Role
    content: str
    created_at: datetime
    thinking: str = ""
    model: str = ""
    preset_name: str = ""
    answerer: str = ""
    picture_wish: Mapping[str, Any] | None = None
    ends_context: bool = False
    files: Sequence[TakenFile] = ()
    images: Sequence[TakenImage] = ()
    follow_ups: Sequence[str] = ()
    merged_from: Sequence[TakenSource] = ()
    knowledge: Sequence[str] = ()
    citations: Sequence[TakenCitation] = ()
    rating: TakenRating | None = None
    generation: TakenGeneration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenFolder:
    """A folder by its id in the file."""

    id: str
    name: str
    created_at: datetime | None = None
    system_prompt: str = ""
    is_open: bool = True
    files: Sequence[TakenFile] = ()
    knowledge: Sequence[str] = ()


@dataclass(slots=True, kw_only=True)
class TakenChat:
    """A chat with its messages, parents before children, siblings in their order.

    Attributes:
        id: What tells it apart from others, of whatever form; the same chat of the same file has the same each time.
        shown: The id of the leaf that was shown.
        notes: What could not be taken as it was, and how often.
    """

    id: str
    title: str
    created_at: datetime
    updated_at: datetime
    messages: list[TakenMessage]
    shown: str | None = None
    model: str = ""
    beside: Sequence[str] = ()
    is_side_by_side: bool = False
    has_automatic_title: bool = False
    folder: TakenFolder | None = None
    is_pinned: bool = False
    archived_at: datetime | None = None
    tags: Sequence[str] = ()
    system_prompt: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: Counter[Note] = field(default_factory=Counter)
