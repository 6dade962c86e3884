"""How golden questions fare under another embedder: its vectors are made in memory, and the index is left alone."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag import chunking, embedding
from rag.errors import TooManyChunks
from rag.evaluation import measures
from rag.models import Chunk, Document, IndexVersion, Knowledge
from rag.queries import current_version
from rag.retrieval import OtherIndex, retrieve
from rag.services import evaluations, versions
from rag.services.evaluations import Trial
from rag.services.questions import MAX_QUESTIONS, expected_span
from rag.threads import in_thread
from rag.types import Passage, Unfindable

MAX_CHUNKS = 20_000
"""With 1024 dimensions their vectors take 80 MB."""
BATCH = 64

Progress = Callable[[int, int], None]
"""Called with how many chunks have their vector, and how many there are."""


class MemoryVectors:
    """Vectors of chunks, compared one by one: exact, and fast enough for as many as there may be."""

    def __init__(self, chunk_ids: Sequence[int], document_ids: Sequence[int], vectors: npt.NDArray[np.float32]) -> None:
        self._chunk_ids = np.array(chunk_ids, dtype=np.int64)
        self._document_ids = np.array(document_ids, dtype=np.int64)
        self._vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def nearest(
        self, collection: str, vector: npt.NDArray[np.float32], document_ids: Collection[int] | None, limit: int
    ) -> dict[int, float]:
        is_chosen = True if document_ids is None else np.isin(self._document_ids, list(document_ids))
        rows = np.flatnonzero(np.broadcast_to(is_chosen, self._document_ids.shape))
        cosines = self._vectors[rows] @ vector
        best = np.argsort(-cosines, kind="stable")[:limit]
        return {int(self._chunk_ids[rows[n]]): float(cosines[n]) for n in best}

    def similarities(
        self, collection: str, vector: npt.NDArray[np.float32], chunk_ids: Sequence[int]
    ) -> dict[int, float]:
        rows = np.flatnonzero(np.isin(self._chunk_ids, list(chunk_ids)))
        cosines = self._vectors[rows] @ vector
        return {int(self._chunk_ids[row]): float(cosine) for row, cosine in zip(rows, cosines, strict=True)}


async def index_in_memory(knowledge: Knowledge, embedder: str, progress: Progress) -> OtherIndex:
    """Embed the chunks of a knowledge, cut as they are in the index in use.

    Raises:
        inference.errors.InferenceError, EmbedderUseless, TooManyChunks
    """
    probe = await embedding.probe(embedder)
    current = await in_thread(current_version)
    version = IndexVersion(
        embedder=embedder, embedder_digest=probe.digest, n_dims=probe.n_dims,
        chunker=current.chunker if current else chunking.NAME, **versions.measured(probe),
    )  # fmt: skip
    rows = await in_thread(_chunk_rows, knowledge, version.chunker)
    vectors = np.zeros((len(rows), probe.n_dims), dtype=np.float32)
    for first in range(0, len(rows), BATCH):
        progress(first, len(rows))
        texts = await in_thread(_texts, [chunk_id for chunk_id, _ in rows[first : first + BATCH]])
        vectors[first : first + len(texts)] = await embedding.embed_for(version, texts)
    progress(len(rows), len(rows))
    return OtherIndex(version, MemoryVectors([chunk for chunk, _ in rows], [document for _, document in rows], vectors))


def _chunk_rows(knowledge: Knowledge, chunker: str) -> list[tuple[int, int]]:
    """Return the ids of chunks and their documents."""
    ready = knowledge.documents.filter(state=Document.State.READY).order_by().values("pk")
    chunks = Chunk.objects.filter(document__in=ready, chunker=chunker)
    if (n_chunks := chunks.count()) > MAX_CHUNKS:
        raise TooManyChunks(n_chunks, MAX_CHUNKS)
    return list(chunks.order_by("pk").values_list("pk", "document_id"))


def _texts(chunk_ids: Sequence[int]) -> list[str]:
    rows = Chunk.objects.filter(pk__in=chunk_ids).values_list("pk", "page_name", "text")
    texts = {pk: chunking.indexed_text(path, text) for pk, path, text in rows}
    # A document may be deleted meanwhile; its vectors are looked up by nobody then.
    return [texts.get(chunk_id) or " " for chunk_id in chunk_ids]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One question with what came back. `problem` is empty when it could be found at all."""

    question: str
    expected: measures.Span | Unfindable
    passages: tuple[Passage, ...]
    rank: int | None
    dense_problem: str
    took_s: float

    @property
    def problem(self) -> str:
        return self.expected.value if isinstance(self.expected, Unfindable) else ""


async def try_questions(
    knowledge: Knowledge, reader_id: int, index: OtherIndex | None, limit: int = MAX_QUESTIONS
) -> AsyncIterator[Tried]:
    """Ask a knowledge's golden questions, in the name of a person, of the index in use or of another one."""
    for trial in await in_thread(_trials, knowledge, limit):
        began = time.perf_counter()
        found = await retrieve(
            user_id=reader_id, question=trial.question, document_ids=(), knowledge_ids=[knowledge.pk],
            limit=evaluations.LIMIT, index=index,
        )  # fmt: skip
        yield Tried(
            question=trial.question,
            expected=trial.expected,
            passages=found.passages,
            rank=_rank(trial.expected, found.passages),
            dense_problem=found.trace.dense_problem,
            took_s=time.perf_counter() - began,
        )


def _trials(knowledge: Knowledge, limit: int) -> list[Trial]:
    questions = knowledge.golden_questions.select_related("document")[:limit]
    return [Trial(row.pk, row.question, expected_span(row)) for row in questions]


def _rank(expected: measures.Span | Unfindable, passages: Sequence[Passage]) -> int | None:
    return None if isinstance(expected, Unfindable) else measures.rank_of(expected, evaluations.places_of(passages))
