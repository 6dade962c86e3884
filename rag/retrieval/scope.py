"""What one question may draw on."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from django.db import connection

from rag import chunking, conf
from rag.models import IndexVersion
from rag.prepared import Prepared
from rag.rights import searchable_ids
from rag.store import vector_store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]


# None of them is a kind of value that databases write each in a way of their own.
_VERSION_FIELDS = (
    "id", "embedder", "embedder_digest", "n_dims", "chunker", "store", "latin_trust", "cjk_trust", "unrelated",
    "related", "state",
)  # fmt: skip


class Neighbours(Protocol):
    """The part of a vector store that a search needs; see `rag.store.VectorStore`."""

    def nearest(
        self, collection: str, vector: Vector, document_ids: Collection[int] | None, limit: int
    ) -> dict[int, float]: ...

    def similarities(self, collection: str, vector: Vector, chunk_ids: Sequence[int]) -> dict[int, float]: ...


@dataclass(frozen=True, slots=True)
class OtherIndex:
    """Vectors to search in place of those in use, to see how they would do. The version need not be stored."""

    version: IndexVersion
    neighbours: Neighbours


@dataclass(frozen=True, slots=True)
class Scope:
    """The documents its asker can read now, and the index to search: the one in use, or another one on trial.

    Attributes:
        is_everything: There are no other documents: the vector index need not sift, which costs it most of its time.
        found_at: By `time.perf_counter`.
    """

    document_ids: tuple[int, ...]
    version: IndexVersion | None
    is_everything: bool
    found_at: float
    on_trial: Neighbours | None = None

    @property
    def embedder(self) -> str:
        return self.version.embedder if self.version else conf.first_embedder()

    @property
    def chunker(self) -> str:
        return self.version.chunker if self.version else chunking.NAME

    def neighbours(self) -> Neighbours:
        """Return where vectors are compared. Raises StoreUnavailable."""
        return self.on_trial or vector_store()


def find_scope(
    user_id: int, document_ids: Collection[int], knowledge_ids: Collection[int], index: OtherIndex | None = None
) -> Scope:
    found_at = time.perf_counter()
    readable = searchable_ids(user_id, document_ids, knowledge_ids)
    is_everything = bool(readable) and _n_documents() == len(readable)
    if index is not None:
        return Scope(readable, index.version, is_everything, found_at, index.neighbours)
    return Scope(readable, _version_in_use(), is_everything, found_at)


def _version_in_use() -> IndexVersion | None:
    """Return the version that answers draw on, with the fields that a search reads; None before the first document."""
    rows = _version(connection.vendor).rows({})
    return IndexVersion.from_db(connection.alias, _VERSION_FIELDS, rows[0]) if rows else None


@cache
def _version(vendor: str) -> Prepared:
    """Return the statement, written once for a kind of database."""
    return Prepared.of(IndexVersion.objects.filter(state=IndexVersion.State.CURRENT).values_list(*_VERSION_FIELDS))


def _n_documents() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM rag_document")
        return int(cursor.fetchone()[0])
