"""What one question may draw on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from rag import chunking, conf
from rag.models import IndexVersion
from rag.queries import current_version, searchable_documents


@dataclass(frozen=True, slots=True)
class Scope:
    """The documents its asker can read now, and the index that is in use."""

    document_ids: tuple[int, ...]
    version: IndexVersion | None

    @property
    def embedder(self) -> str:
        return self.version.embedder if self.version else conf.first_embedder()

    @property
    def chunker(self) -> str:
        return self.version.chunker if self.version else chunking.NAME


def find_scope(user_id: int, document_ids: Collection[int], knowledge_ids: Collection[int]) -> Scope:
    readable = searchable_documents(user_id, document_ids, knowledge_ids).order_by().values_list("pk", flat=True)
    return Scope(tuple(readable), current_version())
