"""The two legs of a search, by words and by meaning, and the chunks that either has found."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection

from inference.errors import InferenceError
from rag import embedding
from rag.errors import EmbedderChanged, StoreUnavailable
from rag.lexical import commonness, entries, words
from rag.models import Chunk, Document, IndexVersion
from rag.prepared import Prepared, listed
from rag.retrieval.scope import Scope
from rag.rights import searchable_ids
from rag.types import PageKind, page_kind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]

logger = logging.getLogger(__name__)

N_LEXICAL = 60
N_DENSE = 40
N_SCORED = 150
"""Chunks whose BM25 is told, for those of them that their meaning finds. More bring no rank, and cost time."""
# The embedder may have to be loaded first; the words alone are better than a long silence.
EMBED_TIMEOUT_S = 20.0
RECHECK_AFTER_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearness:
    """What the leg by meaning has found: similarities by chunk, as `Scale.comparable` gives them, or a problem.

    Attributes:
        is_compared: With the vectors of chunks; until then there are no similarities.
    """

    vector: Vector | None = None
    is_compared: bool = True
    similarities: Mapping[int, float] = field(default_factory=dict)
    problem: str = ""
    embed_s: float = 0.0
    vector_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What the leg by words has found: shares of the best score by chunk, best first, and the first of these chunks."""

    shares: Mapping[int, float]
    chunks: Sequence[FoundChunk]
    seconds: float


@dataclass(frozen=True, slots=True)
class FoundChunk:
    """A chunk, and of its document what citations tell. Plain values: a hundred model objects cost milliseconds.

    Attributes:
        terms: As the lexical index has them, with a blank before and behind each.
        document_uuid: As the database gives it; to make a UUID of each takes longer than to read it.
    """

    terms: str
    id: int
    document_id: int
    document_uuid: UUID | str
    document_name: str
    media_type: str
    position: int
    start: int
    end: int
    page: int | None
    page_name: str
    text: str

    @property
    def page_kind(self) -> PageKind:
        return page_kind(self.media_type)


_FIELDS = (
    "pk", "document_id", "document__uuid", "document__name", "document__media_type", "position", "start", "end",
    "page", "page_name", "text",
)  # fmt: skip


def search_words(terms: Sequence[str], scope: Scope) -> Wording:
    """Return the chunks that hold words of the question, with their BM25 as a share of the best one's.

    The first N_LEXICAL are candidates; the others are scored for those that their meaning finds.
    """
    started = time.perf_counter()
    sought = words.as_often_as_they_count(commonness.without_common(terms))
    matches = entries.search(sought, scope.document_ids, scope.chunker, N_SCORED)
    best = max((match.score for match in matches), default=0.0)
    shares = {match.chunk_id: match.score / best if best > 0 else 0.0 for match in matches}
    seconds = time.perf_counter() - started
    # Read here and now: the embedder is still busy with the question.
    return Wording(shares=shares, chunks=read_chunks(tuple(islice(shares, N_LEXICAL))), seconds=seconds)


async def embed(scope: Scope, question: str, trust: float) -> Nearness:
    """Return the vector of a question; none when the embedder does not know its language."""
    if scope.version is None:
        return Nearness(problem="no index")
    if scope.version.is_elsewhere and scope.on_trial is None:
        return Nearness(problem="index elsewhere")
    if trust == 0:
        return Nearness()
    started = time.perf_counter()
    try:
        async with asyncio.timeout(EMBED_TIMEOUT_S):
            vector = await embedding.embed_question(scope.version, question)
    except EmbedderChanged:
        return Nearness(problem="embedder changed", embed_s=time.perf_counter() - started)
    except (InferenceError, TimeoutError) as exc:
        logger.info("A question was searched by its words alone: %s", type(exc).__name__)
        return Nearness(problem=type(exc).__name__, embed_s=time.perf_counter() - started)
    return Nearness(vector=vector, is_compared=False, embed_s=time.perf_counter() - started)


def compare(scope: Scope, nearness: Nearness) -> Nearness:
    """Return also the chunks that are nearest in meaning. What is compared already comes back as it is."""
    if nearness.is_compared or nearness.vector is None or scope.version is None:
        return nearness
    started = time.perf_counter()
    document_ids = None if scope.is_everything else scope.document_ids
    try:
        found = scope.neighbours().nearest(scope.version.collection, nearness.vector, document_ids, N_DENSE)
    except StoreUnavailable as exc:
        return Nearness(problem=str(exc) or type(exc).__name__, embed_s=nearness.embed_s)
    similarities = _comparable(scope.version, found)
    return replace(nearness, is_compared=True, similarities=similarities, vector_s=time.perf_counter() - started)


def _comparable(version: IndexVersion, similarities: Mapping[int, float]) -> dict[int, float]:
    return {chunk_id: version.scale.comparable(similarity) for chunk_id, similarity in similarities.items()}


def similarities_of(scope: Scope, nearness: Nearness, chunk_ids: Collection[int]) -> dict[int, float]:
    """Return the similarities that are known, with those of chunks that only their words have found."""
    known = dict(nearness.similarities)
    others = [chunk_id for chunk_id in chunk_ids if chunk_id not in known]
    if nearness.vector is None or scope.version is None or not others:
        return known
    try:
        found = scope.neighbours().similarities(scope.version.collection, nearness.vector, others)
    except StoreUnavailable:
        # It went away in the middle of a search: what it has said counts.
        return known
    return known | _comparable(scope.version, found)


def read_chunks(chunk_ids: Collection[int]) -> list[FoundChunk]:
    """Return chunks with what is told of their documents, if these are indexed whole."""
    rows = _chunks(connection.vendor).rows({"chunks": chunk_ids})
    return [FoundChunk(f" {terms or ''} ", *row) for terms, *row in rows]


@cache
def _chunks(vendor: str) -> Prepared:
    """Return the statement, written once for a kind of database."""
    found = Chunk.objects.filter(pk__in=listed("chunks"), document__state=Document.State.READY)
    return Prepared.of(found.order_by().values_list(entries.terms_of_chunk(), *_FIELDS))


def still_readable(user_id: int, scope: Scope, chunks: Sequence[FoundChunk]) -> list[FoundChunk]:
    """Leave out what this person may not read; the indexes only propose.

    That is asked again when the search has taken its time: a right may be gone meanwhile, or the document.
    """
    chosen: Collection[int] = frozenset(scope.document_ids)
    if time.perf_counter() - scope.found_at > RECHECK_AFTER_S:
        chosen = frozenset(searchable_ids(user_id, scope.document_ids))
    return [chunk for chunk in chunks if chunk.document_id in chosen]
