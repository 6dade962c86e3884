"""What the templates of a folder's page are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import rag.api as rag
from webui.chats.views.sidebar_contexts import ChatRow
from webui.documents.contexts import DocumentRow


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderChats:
    """One keyset page of a folder's chats. `next_cursor` is None on the last one."""

    uuid: str
    chats: Sequence[ChatRow]
    next_cursor: str | None
    is_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderKnowledge:
    """`shared_by` is empty when it is the reader's own."""

    uuid: str
    name: str
    url: str
    shared_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSources:
    """The documents and knowledge that the folder's chats ask, as far as the reader may read them now."""

    uuid: str
    documents: Sequence[DocumentRow]
    knowledge: Sequence[FolderKnowledge]

    @property
    def is_busy(self) -> bool:
        return any(document.is_unfinished for document in self.documents)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPage:
    """What `chats/folder.html` shows beside what belongs to a new chat."""

    uuid: str
    name: str
    name_max_length: int
    system_prompt: str
    chats: FolderChats
    sources: FolderSources
    max_upload_bytes: int
    accepted_files: str = ",".join(rag.READABLE_NAMES)

    @property
    def max_upload_mb(self) -> int:
        return self.max_upload_bytes // (1024 * 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveTarget:
    uuid: str
    name: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MovePanel:
    """Where chats can be moved to. `title` is that of a single one, else empty."""

    url: str
    chats: Sequence[str]
    title: str
    is_in_folder: bool
    folders: Sequence[MoveTarget]
    name_max_length: int
