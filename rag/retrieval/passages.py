"""From selected chunks to passages with exact spans: what two chunks share is there once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from rag.retrieval.candidates import FoundChunk
from rag.retrieval.selection import Selected
from rag.types import Passage

_PIECE = "SELECT substr(text, %s, %s) FROM rag_extractedtext WHERE document_id = %s"


def passages_of(selected: Sequence[Selected]) -> tuple[Passage, ...]:
    """Return the passages in the order of their numbers; one query for each that has a blank between its chunks."""
    groups: dict[int, list[Selected]] = {}
    for one in selected:
        if one.passage is not None:
            groups.setdefault(one.passage, []).append(one)
    return tuple(_passage(group) for _, group in sorted(groups.items()))


def _passage(group: Sequence[Selected]) -> Passage:
    chunks = sorted((one.item.chunk for one in group), key=lambda chunk: chunk.start)
    first = chunks[0]
    return Passage(
        document_id=first.document_id,
        document_uuid=UUID(str(first.document_uuid)),
        document_name=first.document_name,
        page=first.page,
        page_kind=first.page_kind,
        page_name=first.page_name,
        start=first.start,
        end=max(chunk.end for chunk in chunks),
        text=_joined_text(chunks),
        score=group[0].item.fused,
    )


def _joined_text(chunks: Sequence[FoundChunk]) -> str:
    text, end = chunks[0].text, chunks[0].end
    for chunk in chunks[1:]:
        if chunk.start > end:
            # Chunks leave out the blanks between them, and which these are stands in the document alone.
            text += _between(chunk.document_id, end, chunk.start)
            end = chunk.start
        text += chunk.text[end - chunk.start :]
        end = max(end, chunk.end)
    return text


def _between(document_id: int, start: int, end: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_PIECE, [start + 1, end - start, document_id])
        row = cursor.fetchone()
    return str(row[0]) if row else " " * (end - start)
