"""What the templates of knowledge are given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import ngettext

from rag import api as rag
from rag.types import Passage, Totals
from webui.accounts.audiences import Audience
from webui.documents import wording
from webui.documents.contexts import DocumentRow, document_row
from webui.documents.links import passage_page_url


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeRow:
    """One knowledge in a list.

    Attributes:
        shared_by: Whose it is; empty when it is the reader's own.
    """

    uuid: str
    name: str
    description: str
    shared_by: str
    totals: Totals
    updated_at: datetime

    dom_noun = "knowledge"

    @property
    def documents_text(self) -> str:
        return ngettext("%(n)d document", "%(n)d documents", self.totals.n_documents) % {"n": self.totals.n_documents}

    @property
    def chunks_text(self) -> str:
        return ngettext("%(n)d chunk", "%(n)d chunks", self.totals.n_chunks) % {"n": self.totals.n_chunks}


def knowledge_rows(knowledge: Sequence[rag.Knowledge], reader_id: int) -> list[KnowledgeRow]:
    """Return rows for knowledge that has its owner selected; one query."""
    totals = rag.totals_of(knowledge)
    return [
        KnowledgeRow(
            uuid=str(row.uuid),
            name=row.name,
            description=row.description,
            shared_by="" if row.owner_id == reader_id else str(row.owner),
            totals=totals.get(row.pk, Totals()),
            updated_at=row.updated_at,
        )
        for row in knowledge
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeListPage:
    rows: Sequence[KnowledgeRow]
    next_cursor: str | None
    before: str
    sidebar: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """A document in a knowledge. `owner` is empty when it is the reader's own."""

    document: DocumentRow
    owner: str
    folder: str

    dom_noun = "member"

    @property
    def uuid(self) -> str:
        return self.document.uuid


def member_row(membership: rag.Membership, reader_id: int) -> MemberRow:
    document = membership.document
    return MemberRow(
        document=document_row(document, reader_id),
        owner="" if document.owner_id == reader_id or document.is_synced else str(document.owner),
        folder=membership.folder.path if membership.folder else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderLink:
    """A folder to go to. `name` is its own name, `path` the whole path."""

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgePage:
    """One knowledge, shown at its top or at one of its folders.

    Attributes:
        folder: The path of the folder shown; empty at the top.
        above: The folders on the way to it, without itself.
        folders: Those directly in it.
        all_folders: Every path of the knowledge, to move documents to.
        may_write: The reader may change what is in it.
        is_own: The reader may share and delete it.
        may_connect: The reader may connect it with folders of the server.
        n_lost: Test questions that the last run did not find any more.
        running_import: The import that still brings documents, for its owner.
    """

    knowledge: KnowledgeRow
    folder: str
    above: Sequence[FolderLink]
    folders: Sequence[FolderLink]
    all_folders: Sequence[str]
    rows: Sequence[MemberRow]
    next_cursor: str | None
    before: str
    may_write: bool
    is_own: bool
    may_connect: bool
    n_lost: int
    max_upload_bytes: int
    running_import: rag.KnowledgeImport | None = None
    accepted_files: str = ",".join(rag.READABLE_NAMES)
    sidebar: None = None

    @property
    def max_upload_mb(self) -> int:
        return self.max_upload_bytes // (1024 * 1024)

    @property
    def is_busy(self) -> bool:
        return self.running_import is not None or any(row.document.is_unfinished for row in self.rows)

    @property
    def may_tick(self) -> bool:
        return self.may_write and not all(row.document.is_synced for row in self.rows)

    @property
    def is_empty(self) -> bool:
        return not (self.rows or self.folders or self.before or self.folder)

    @property
    def folder_name(self) -> str:
        return self.folder.rpartition("/")[2]

    @property
    def query(self) -> str:
        """What tells this page from other pages of the knowledge, for addresses."""
        values = {"folder": self.folder, "before": self.before}
        return urlencode({name: value for name, value in values.items() if value})

    @property
    def upload_url(self) -> str:
        url = reverse("knowledge:upload", args=[self.knowledge.uuid])
        return f"{url}?{urlencode({'folder': self.folder})}" if self.folder else url


def folder_links(paths: Iterable[str]) -> list[FolderLink]:
    return [FolderLink(name=path.rpartition("/")[2], path=path) for path in paths]


def folders_above(path: str) -> list[FolderLink]:
    names = path.split("/")[:-1]
    return folder_links("/".join(names[: n + 1]) for n in range(len(names)))


def folders_in(path: str, paths: Iterable[str]) -> list[FolderLink]:
    """Return the folders directly in one of them, or with an empty path at the top."""
    return folder_links(other for other in paths if other.rpartition("/")[0] == path)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPassage:
    document_name: str
    place: str
    text: str
    score: float
    url: str


def found_passage(passage: Passage) -> FoundPassage:
    return FoundPassage(
        document_name=passage.document_name,
        place=wording.place_in_words(passage.page_kind, passage.page, passage.page_name),
        text=passage.text,
        score=passage.score,
        url=passage_page_url(passage.document_uuid, page=passage.page, start=passage.start, end=passage.end),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """What a search inside a knowledge found, best first; `asked` is False before anything was typed."""

    knowledge: KnowledgeRow
    question: str
    passages: Sequence[FoundPassage]
    seconds: float
    is_by_words_alone: bool
    sidebar: None = None

    @property
    def asked(self) -> bool:
        return bool(self.question)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRow:
    """With whom a knowledge is shared; name and detail of an Audience."""

    uuid: str
    name: str
    detail: str
    may_write: bool

    dom_noun = "grant"


def grant_row(grant: rag.KnowledgeGrant) -> GrantRow:
    audience = Audience(user=grant.user, group=grant.group)
    return GrantRow(uuid=str(grant.uuid), name=audience.name, detail=audience.detail, may_write=grant.may_write)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePage:
    knowledge: KnowledgeRow
    grants: Sequence[GrantRow]
    sidebar: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPage:
    """Documents of the reader's own that are not in the knowledge yet."""

    knowledge: KnowledgeRow
    folder: str
    query: str
    documents: Sequence[DocumentRow]
    sidebar: None = None
