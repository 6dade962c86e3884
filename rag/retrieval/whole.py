"""Documents that fit into what a model may be given of them: it gets them from beginning to end, nothing is searched.

They are cut into passages at the borders of pages, headings and chunks, so that a citation still says where to look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from django.db import connection

from rag.models import Chunk, Document
from rag.prepared import Prepared, listed
from rag.queries import documents_readable_by
from rag.retrieval.scope import Scope
from rag.retrieval.selection import MAX_JOINED
from rag.types import Passage, Room, page_kind

MAX_DOCUMENTS = 100
MAX_PASSAGES = 300
"""More would make traces of some 100 kB; and marks of citations have three digits."""

# Lower bounds, so that most documents are known to be too long before any of their text is read.
_LEAST_TOKENS_A_CHUNK = 10
_CHARACTERS_A_TOKEN = 5


@dataclass(frozen=True, slots=True)
class Whole:
    """All passages of all documents, in reading order, and the tokens they take."""

    passages: tuple[Passage, ...]
    n_tokens: int


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a chunk begins, on which page, and where it ends."""

    document_id: int
    start: int
    end: int
    page: int | None
    page_name: str


def read_whole(user_id: int, scope: Scope, room: Room) -> Whole | None:
    """Return the documents of a question as a whole, always in the same order; None if they do not fit.

    One query when that is seen from the number of their chunks, three otherwise. What this person may read is asked
    with the text.
    """
    ids = scope.document_ids
    if len(ids) > MAX_DOCUMENTS:
        return None
    n_chunks = sum(n for (n,) in _sizes(connection.vendor).rows({"documents": ids}))
    if n_chunks * _LEAST_TOKENS_A_CHUNK > room.n_tokens:
        return None
    cuts = _cuts_of(scope)
    # The last chunk of a document ends where its text does.
    n_characters = sum(max(cut.end for cut in own) for own in cuts.values())
    if len(cuts) < len(ids) or n_characters > room.n_tokens * _CHARACTERS_A_TOKEN:
        return None
    passages = tuple(_passages(user_id, cuts))
    n_tokens = sum(map(room.tokens_of, passages))
    if not passages or len(passages) > MAX_PASSAGES or n_tokens > room.n_tokens:
        return None
    return Whole(passages, n_tokens)


@cache
def _sizes(vendor: str) -> Prepared:
    """Return the statement, written once for a kind of database."""
    return Prepared.of(Document.objects.filter(pk__in=listed("documents")).order_by().values_list("n_chunks"))


def _cuts_of(scope: Scope) -> dict[int, list[_Cut]]:
    chunks = Chunk.objects.filter(document__in=scope.document_ids, chunker=scope.chunker)
    rows = chunks.order_by("document", "position").values_list("document", "start", "end", "page", "page_name")
    return {pk: list(own) for pk, own in groupby((_Cut(*row) for row in rows), key=lambda cut: cut.document_id)}


def _passages(user_id: int, cuts: dict[int, list[_Cut]]) -> Iterator[Passage]:
    readable = documents_readable_by(user_id).filter(pk__in=cuts, state=Document.State.READY)
    for document in readable.select_related("extracted").order_by("pk"):
        text = document.extracted.text
        for group, end in _groups(cuts[document.pk], len(text)):
            first = group[0]
            yield Passage(
                document_id=document.pk,
                document_uuid=document.uuid,
                document_name=document.name,
                page=first.page,
                page_kind=page_kind(document.media_type),
                page_name=first.page_name,
                start=first.start,
                end=end,
                text=text[first.start : end],
                score=0.0,
            )


def _groups(cuts: Sequence[_Cut], text_end: int) -> Iterator[tuple[Sequence[_Cut], int]]:
    """Yield neighbouring chunks of one page, a few at a time, and where they end: not further than the next begin."""
    groups: list[list[_Cut]] = []
    for _, on_page in groupby(cuts, key=lambda cut: (cut.page, cut.page_name)):
        own = list(on_page)
        groups += [own[first : first + MAX_JOINED] for first in range(0, len(own), MAX_JOINED)]
    begins = [*(group[0].start for group in groups[1:]), text_end]
    for group, next_begin in zip(groups, begins, strict=True):
        yield group, min(group[-1].end, next_begin)
