"""What a person may read. Every list and every retrieval starts from here."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils import timezone

from rag.models import Document

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser


def readable_documents(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Document]:
    """Return the documents this person may read, newest first."""
    return documents_readable_by(user.pk)


def documents_readable_by(user_id: int | None) -> QuerySet[Document]:
    if user_id is None:
        return Document.objects.none()
    return Document.objects.filter(owner_id=user_id)


def searchable_documents(user_id: int, document_ids: Collection[int]) -> QuerySet[Document]:
    """Return those of the given documents that this person may read and that are indexed whole."""
    return documents_readable_by(user_id).filter(pk__in=document_ids, state=Document.State.READY)


def due_documents(busy_owners: Collection[int], excluded: Collection[int]) -> QuerySet[Document]:
    """Return unfinished documents whose time has come: owners with nothing in work first, then the oldest."""
    due = (
        Document.objects.filter(Q(retry_at=None) | Q(retry_at__lte=timezone.now()))
        .filter(state__in=Document.UNFINISHED_STATES)
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
