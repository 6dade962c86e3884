"""What a shared preset draws on that not everybody it is shared with may read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.db.models import Model, QuerySet

import rag.api as rag
from webui.presets.models import PresetGrant

_GRANTS_A_QUERY = 50


def unread_by_some(
    grants: Sequence[PresetGrant], documents: Sequence[rag.Document], knowledge: Sequence[rag.Knowledge]
) -> list[rag.Document | rag.Knowledge]:
    """Return those that somebody among the grants may not read. A query for each kind and fifty grants.

    Args:
        grants: Each with its person selected. Who may not sign in now is not asked about.
    """
    grants = [grant for grant in grants if grant.user is None or grant.user.may_chat]
    of_knowledge = _n_readers(map(_knowledge_read_through, grants), knowledge)
    of_documents = _n_readers(map(_documents_read_through, grants), documents)
    return [
        *(row for row in knowledge if of_knowledge[row.pk] < len(grants)),
        *(row for row in documents if of_documents[row.pk] < len(grants)),
    ]


def _knowledge_read_through(grant: PresetGrant) -> QuerySet[rag.Knowledge]:
    return rag.knowledge_readable_by(grant.user_id) if grant.user_id else rag.knowledge_open_to(grant.group_id)


def _documents_read_through(grant: PresetGrant) -> QuerySet[rag.Document]:
    return rag.documents_readable_by(grant.user_id) if grant.user_id else rag.documents_open_to(grant.group_id)


def _n_readers(readable: Iterator[QuerySet[Any]], rows: Sequence[Model]) -> Counter[int]:
    """Return by row in how many of the querysets it is."""
    n_readers: Counter[int] = Counter()
    if not rows:
        return n_readers
    ids = [row.pk for row in rows]
    queries = (found.filter(pk__in=ids).order_by().values_list("pk", flat=True) for found in readable)
    while batch := list(islice(queries, _GRANTS_A_QUERY)):
        first, *others = batch
        n_readers.update(first.union(*others, all=True) if others else first)
    return n_readers
