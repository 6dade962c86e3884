"""What a person may read. Every list and every retrieval starts from here."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import (
    Case,
    Count,
    Exists,
    IntegerField,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.utils import timezone

from rag import chunking
from rag.models import (
    Chunk,
    Document,
    GoldenQuestion,
    IndexVersion,
    Knowledge,
    KnowledgeGrant,
    Membership,
    SyncedFile,
    SyncedFolder,
)
from rag.types import FolderProgress, Totals

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser


# ---- documents -----------------------------------------------------------------------------------


def readable_documents(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Document]:
    """Return the documents this person may read: their own, and those in knowledge that they may read."""
    return documents_readable_by(user.pk)


def documents_readable_by(user_id: int | None) -> QuerySet[Document]:
    """Return the same as `readable_documents`, as it is at the moment when the rows are read."""
    if user_id is None:
        return Document.objects.none()
    granted = Membership.objects.filter(knowledge__in=_granted(user_id)).values("document")
    own_knowledge = Membership.objects.filter(knowledge__owner=user_id).values("document")
    # Two lists of ids rather than one join, so that every part is read from an index and no document comes twice.
    # A copy of a synced folder's file is read through the knowledge alone: what is exchanged there is exchanged whole.
    readable = Q(owner=user_id, synced_folder=None) | Q(pk__in=granted) | Q(pk__in=own_knowledge)
    return Document.objects.filter(readable, _is_member(user_id))


def documents_of(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Document]:
    """Return the documents that this person brought, newest first."""
    if user.pk is None:
        return Document.objects.none()
    return Document.objects.filter(owner=user.pk, synced_folder=None)


def documents_open_to(group_id: int | None) -> QuerySet[Document]:
    """Return the documents that every member of a group may read because of it; for None, that everybody may read."""
    within = Membership.objects.filter(knowledge__in=_open_to(group_id)).values("document")
    return Document.objects.filter(pk__in=within)


def searchable_documents(
    user_id: int, document_ids: Collection[int], knowledge_ids: Collection[int] = ()
) -> QuerySet[Document]:
    """Return the given documents and those of the given knowledge that this person may read and that are indexed whole.

    Knowledge that they may not read counts as not given.
    """
    chosen = Q(pk__in=document_ids)
    if knowledge_ids:
        knowledge = knowledge_readable_by(user_id).filter(pk__in=knowledge_ids)
        chosen |= Q(
            pk__in=Membership.objects.filter(knowledge__in=knowledge.order_by().values("pk")).values("document")
        )
    return documents_readable_by(user_id).filter(chosen, state=Document.State.READY)


def chunks_of(document: Document) -> QuerySet[Chunk]:
    """Return a document's chunks as the index in use has them, in order."""
    version = current_version()
    return document.chunks.filter(chunker=version.chunker if version else chunking.NAME).order_by("position")


# ---- knowledge -----------------------------------------------------------------------------------


def readable_knowledge(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Knowledge]:
    """Return the knowledge this person may read: their own, and what is shared with them."""
    return knowledge_readable_by(user.pk)


def knowledge_readable_by(user_id: int | None) -> QuerySet[Knowledge]:
    if user_id is None:
        return Knowledge.objects.none()
    return Knowledge.objects.filter(Q(owner=user_id) | Q(pk__in=_granted(user_id)), _is_member(user_id))


def knowledge_open_to(group_id: int | None) -> QuerySet[Knowledge]:
    """Return the knowledge that every member of a group may read because of it; for None, that everybody may read."""
    return Knowledge.objects.filter(pk__in=_open_to(group_id))


def writable_knowledge(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Knowledge]:
    """Return the knowledge whose documents and folders this person may add, move and take out."""
    if user.pk is None:
        return Knowledge.objects.none()
    granted = _granted(user.pk, may_write=True)
    return Knowledge.objects.filter(Q(owner=user.pk) | Q(pk__in=granted), _is_member(user.pk))


def memberships_of(knowledge: Knowledge) -> QuerySet[Membership]:
    """Return what is in a knowledge, each with its document and its folder."""
    return knowledge.memberships.select_related("document", "folder")


def totals_of(knowledge: Iterable[Knowledge]) -> dict[int, Totals]:
    """Return what is in each knowledge, by its id, added up in one query; an empty one has no entry."""
    members = Membership.objects.filter(knowledge__in=[row.pk for row in knowledge]).values("knowledge")
    rows: Any = members.annotate(
        n_documents=Count("pk"),
        n_chunks=Sum("document__n_chunks"),
        size_bytes=Sum("document__size_bytes"),
        n_unfinished=Count("pk", filter=Q(document__state__in=Document.UNFINISHED_STATES)),
        n_failed=Count("pk", filter=Q(document__state=Document.State.FAILED)),
    )
    return {row.pop("knowledge"): Totals(**row) for row in rows}


def _granted(user_id: int, *, may_write: bool = False) -> QuerySet[KnowledgeGrant, Any]:
    """Return the ids of knowledge granted to a person, to a group of theirs, or to everybody."""
    groups = apps.get_model(settings.HEARTH_GROUP_MODEL)._default_manager.filter(members=user_id).values("pk")
    grants = KnowledgeGrant.objects.filter(Q(user=user_id) | Q(group__in=groups) | Q(user=None, group=None))
    if may_write:
        grants = grants.filter(may_write=True)
    return grants.order_by().values("knowledge")


def _open_to(group_id: int | None) -> QuerySet[KnowledgeGrant, Any]:
    """Return the ids of knowledge granted to a group, or to everybody."""
    # Of a grant to a person the group is empty as well.
    grants = KnowledgeGrant.objects.filter(Q(user=None, group=None) | Q(user=None, group=group_id))
    return grants.order_by().values("knowledge")


def _is_member(user_id: int) -> Exists:
    """Whether the site lets this person in at all, now: who is suspended or waits reads nothing, in no process."""
    people = get_user_model()._default_manager.filter(pk=user_id, **settings.HEARTH_MEMBERS)
    return Exists(people)


# ---- golden questions ----------------------------------------------------------------------------


def told_questions(knowledge: Knowledge, user: AbstractBaseUser) -> QuerySet[GoldenQuestion]:
    """Return the golden questions of a knowledge whose document this person may know of: its name, and words in it."""
    # A document that was taken out of the knowledge may be one that they were not given otherwise.
    readable = documents_readable_by(user.pk).order_by().values("pk")
    may_be_told = Q(document__in=readable) | Q(document=None, document_owner=user.pk)
    return knowledge.golden_questions.select_related("document").filter(may_be_told)


# ---- synced folders ------------------------------------------------------------------------------


def progress_of(folders: Collection[SyncedFolder]) -> dict[int, FolderProgress]:
    """Return how far the files of folders are, by the folder's id; none for a folder without files. One query."""
    unfinished = Q(document__state__in=Document.UNFINISHED_STATES) | Q(
        next_document__state__in=Document.UNFINISHED_STATES
    )
    files = SyncedFile.objects.filter(folder__in=[folder.pk for folder in folders]).order_by().values("folder")
    counted = files.annotate(
        n_waiting=Count("pk", filter=Q(is_waiting=True)),
        n_unfinished=Count("pk", filter=unfinished),
        n_ready=Count("pk", filter=Q(document__state=Document.State.READY)),
        n_problems=Count("pk", filter=_HAS_PROBLEM),
    )
    return {
        row["folder"]: FolderProgress(
            n_waiting=row["n_waiting"], n_unfinished=row["n_unfinished"], n_ready=row["n_ready"],
            n_problems=row["n_problems"],
        )
        for row in counted
    }  # fmt: skip


_HAS_PROBLEM = ~Q(problem="") | Q(document__state=Document.State.FAILED) | Q(next_document__state=Document.State.FAILED)


def problem_files(folder: SyncedFolder) -> QuerySet[SyncedFile]:
    """Return the files of a folder that could not be copied or read, each with its documents."""
    return folder.files.filter(_HAS_PROBLEM).select_related("document", "next_document").order_by("path")


# ---- ingestion -----------------------------------------------------------------------------------


def due_documents(busy_owners: Collection[int], excluded: Collection[int]) -> QuerySet[Document]:
    """Return unfinished documents whose time has come: owners with nothing in work first, then the oldest."""
    due = (
        Document.objects.filter(Q(retry_at=None) | Q(retry_at__lte=timezone.now()))
        .filter(Q(leased_until=None) | Q(leased_until__lte=timezone.now()), state__in=Document.UNFINISHED_STATES)
        .exclude(pk__in=excluded)
        .order_by("created_at", "pk")
    )
    if not busy_owners:
        # An empty condition would be a constant, and PostgreSQL reads a constant as the number of a column.
        return due
    waits_behind_own = Case(
        When(owner_id__in=list(busy_owners), then=Value(1)), default=Value(0), output_field=IntegerField()
    )
    return due.order_by(waits_behind_own, "created_at", "pk")


def current_version() -> IndexVersion | None:
    """Return the index version that answers draw on; None before the first document."""
    # Every question asks for it, and to have this written by the ORM takes longer than to read it.
    found = IndexVersion.objects.raw("SELECT * FROM rag_indexversion WHERE state = %s", [IndexVersion.State.CURRENT])
    return next(iter(found), None)


def version_in(state: str) -> IndexVersion | None:
    """Return the index version in a state that only one can be in."""
    return IndexVersion.objects.filter(state=state).first()
