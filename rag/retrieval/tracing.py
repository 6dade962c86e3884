"""What is on record of a search: the trace that stands beside an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag import conf
from rag.retrieval.candidates import Nearness, Wording
from rag.retrieval.reranking import Reranking
from rag.retrieval.rewriting import Rewriting
from rag.retrieval.scope import Scope
from rag.retrieval.selection import Selected
from rag.retrieval.whole import Whole
from rag.types import Candidate, Passage, RetrievalTrace, Room, Scale


@dataclass(frozen=True, slots=True)
class Search:
    """What each step of a search has come to."""

    rewriting: Rewriting
    trust: float
    wording: Wording
    nearness: Nearness
    reranking: Reranking
    selected: Sequence[Selected]
    passages: tuple[Passage, ...]


def of_search(question: str, scope: Scope, search: Search, room: Room | None, total_s: float) -> RetrievalTrace:
    rewriting, nearness, reranking = search.rewriting, search.nearness, search.reranking
    return RetrievalTrace(
        question=question,
        searched=rewriting.question,
        rewritten_by=rewriting.by,
        rewrite_problem=rewriting.problem,
        rewrite_s=rewriting.seconds,
        terms=rewriting.terms,
        embedder=scope.embedder,
        dense_trust=search.trust,
        dense_problem=nearness.problem,
        reranker=conf.reranker(),
        rerank_problem=reranking.problem,
        rerank_s=reranking.seconds,
        candidates=tuple(map(_candidate, search.selected)),
        lexical_s=search.wording.seconds,
        embed_s=nearness.embed_s,
        vector_s=nearness.vector_s,
        total_s=total_s,
        room_tokens=room.n_tokens if room else 0,
        dense_scale=scope.version.scale if scope.version else Scale(),
    )


def _candidate(selected: Selected) -> Candidate:
    item = selected.item
    chunk = item.chunk
    return Candidate(
        document_id=chunk.document_id,
        document_name=chunk.document_name,
        page=chunk.page,
        page_kind=chunk.page_kind,
        page_name=chunk.page_name,
        start=chunk.start,
        end=chunk.end,
        lexical=item.lexical,
        coverage=item.coverage,
        dense=item.dense,
        fused=item.fused,
        rerank=item.rerank,
        outcome=selected.outcome,
        passage=selected.passage,
    )


def of_whole(question: str, scope: Scope, whole: Whole, room: Room, total_s: float) -> RetrievalTrace:
    candidates = tuple(
        Candidate(
            document_id=passage.document_id,
            document_name=passage.document_name,
            page=passage.page,
            page_kind=passage.page_kind,
            page_name=passage.page_name,
            start=passage.start,
            end=passage.end,
            lexical=0.0,
            coverage=0.0,
            dense=None,
            fused=0.0,
            outcome="whole",
            passage=number,
        )
        for number, passage in enumerate(whole.passages, 1)
    )
    return RetrievalTrace(
        question=question, searched=question, rewritten_by="", rewrite_problem="", terms=(), embedder=scope.embedder,
        dense_trust=0.0, dense_problem="", candidates=candidates,
        lexical_s=0.0, embed_s=0.0, vector_s=0.0, total_s=total_s,
        room_tokens=room.n_tokens, whole_tokens=whole.n_tokens,
    )  # fmt: skip


def of_nothing(question: str, scope: Scope, total_s: float) -> RetrievalTrace:
    return RetrievalTrace(
        question=question, searched=question, rewritten_by="", rewrite_problem="", terms=(), embedder=scope.embedder,
        dense_trust=0.0, dense_problem="no documents", candidates=(),
        lexical_s=0.0, embed_s=0.0, vector_s=0.0, total_s=total_s,
    )  # fmt: skip
