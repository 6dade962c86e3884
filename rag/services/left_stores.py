"""Vector stores that were configured before: once all is in the one of now, our vectors are removed from them.

What was deleted since then is only gone for certain when they are.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from rag import conf, store
from rag.errors import StoreUnavailable
from rag.models import IndexEntry, IndexVersion, Removal
from rag.services import versions
from rag.types import Problem

logger = logging.getLogger(__name__)

State = IndexVersion.State


def versions_left() -> QuerySet[IndexVersion]:
    """Return the versions whose vectors are to be removed from stores of before."""
    return IndexVersion.objects.filter(state=State.RETIRED).exclude(store=conf.store_name()).order_by("pk")


def empty_left_stores() -> None:
    """Remove our vectors from stores of before that nothing needs any more; one that does not answer is tried later."""
    needed = IndexVersion.objects.filter(state__in=[State.CURRENT, State.BUILDING, State.PREVIOUS])
    left = versions_left().exclude(store__in=needed.values("store"))
    is_early = left.filter(since__gt=timezone.now() - timedelta(seconds=versions.RETIREMENT_S))
    due = left.exclude(store__in=is_early.values("store"))
    for name in set(due.values_list("store", flat=True)):
        in_store = IndexVersion.objects.filter(store=name)
        try:
            store.empty(name, [version.collection for version in in_store])
        except StoreUnavailable as exc:
            logger.warning("The vectors in %s could not be removed: %s", name, exc)
            in_store.filter(state=State.RETIRED).update(error=Problem.INDEX_FAILED, since=timezone.now())
        else:
            logger.info("The vectors in %s were removed", name)
            _forget(name)


def leave_behind() -> None:
    """Give up removing vectors from stores of before, because they are no more, or are emptied in another way."""
    for name in set(versions_left().values_list("store", flat=True)):
        _forget(name)


def _forget(name: str) -> None:
    with transaction.atomic():
        forgotten = IndexVersion.objects.filter(store=name, state=State.RETIRED)
        IndexEntry.objects.filter(version__in=forgotten).delete()
        forgotten.update(state=State.DROPPED, since=timezone.now(), error="")
        Removal.objects.filter(store=name).delete()
    versions.forget_unused_chunks()
