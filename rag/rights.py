"""Who may read what, for questions: the rules of `queries`, in statements that are written once."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from django.db import connection

from rag.prepared import SOMEBODY, Prepared, listed
from rag.queries import documents_readable_by, searchable_documents


def searchable_ids(user_id: int, document_ids: Collection[int], knowledge_ids: Collection[int] = ()) -> tuple[int, ...]:
    """Return those of the documents, and of what is in the knowledge, that this person may search now."""
    lists = {"documents": document_ids}
    if knowledge_ids:
        lists["knowledge"] = knowledge_ids
    return tuple(pk for (pk,) in _searchable(connection.vendor, *lists).rows(lists, user_id=user_id))


def readable_ids(user_id: int, document_ids: Collection[int]) -> frozenset[int]:
    """Return those of the documents that this person may read now, whatever their state."""
    rows = _readable(connection.vendor).rows({"documents": document_ids}, user_id=user_id)
    return frozenset(pk for (pk,) in rows)


@cache
def _searchable(vendor: str, *lists: str) -> Prepared:
    """Return the statement for a kind of database."""
    return Prepared.of(searchable_documents(SOMEBODY, *map(listed, lists)).order_by().values_list("pk"))


@cache
def _readable(vendor: str) -> Prepared:
    found = documents_readable_by(SOMEBODY).filter(pk__in=listed("documents"))
    return Prepared.of(found.order_by().values_list("pk"))
