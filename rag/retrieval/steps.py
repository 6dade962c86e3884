"""One search from its question to its passages, with the time of each step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from rag import conf, embedding
from rag.readers import in_reader
from rag.retrieval import candidates, evidence, tracing
from rag.retrieval.candidates import Nearness, Wording
from rag.retrieval.fusion import Weighed, weigh
from rag.retrieval.looking import Look, look_at
from rag.retrieval.passages import passages_of
from rag.retrieval.reranking import Reranking, rerank
from rag.retrieval.rewriting import Rewriting, rewrite
from rag.retrieval.scope import OtherIndex, Scope, find_scope
from rag.retrieval.selection import Selected, select
from rag.retrieval.tracing import Search
from rag.retrieval.translating import translate
from rag.retrieval.whole import Whole, read_whole
from rag.types import Passage, Retrieval, Room, Said

LIMIT = 6
QUESTION_MAX_CHARACTERS = 2000


async def retrieve(
    *,
    user_id: int,
    question: str,
    document_ids: Collection[int],
    knowledge_ids: Collection[int] = (),
    earlier: Sequence[Said] = (),
    rewriter: str = "",
    limit: int = LIMIT,
    index: OtherIndex | None = None,
    room: Room | None = None,
) -> Retrieval:
    """Return the passages of these documents, and of what is in this knowledge, that best answer a question.

    Best first; none if nothing matches. What the asker may not read, or what is not indexed whole, is left out. Without
    an embedder the words alone decide, and the trace says so.

    Args:
        earlier: The conversation before, for questions that need it.
        rewriter: Chat model that puts such a question into words of its own, and translates one whose documents are all
            in another script; empty to do without.
        room: What may be given instead when all of these documents fit into it: they themselves, in reading order.
    """
    started = time.perf_counter()
    question = question[:QUESTION_MAX_CHARACTERS]
    scope, whole, room = await in_reader(_find_or_read, user_id, document_ids, knowledge_ids, index, room)
    if not scope.document_ids:
        return Retrieval(passages=(), trace=tracing.of_nothing(question, scope, time.perf_counter() - started))
    if whole and room:
        trace = tracing.of_whole(question, scope, whole, room, time.perf_counter() - started)
        return Retrieval(passages=whole.passages, trace=trace)
    rewriting = await rewrite(question, earlier, rewriter, asked_by=str(user_id))
    rewriting = await translate(rewriting, scope, rewriter, asked_by=str(user_id))
    search = await _search(user_id, scope, rewriting, limit)
    trace = tracing.of_search(question, scope, search, room, time.perf_counter() - started)
    return Retrieval(passages=search.passages, trace=trace)


async def _search(user_id: int, scope: Scope, rewriting: Rewriting, limit: int) -> Search:
    trust = embedding.trust(scope.version, rewriting.question) if scope.version else 0.0
    async with asyncio.TaskGroup() as group:
        by_words = group.create_task(in_reader(_search_words, scope, rewriting))
        nearness = await candidates.embed(scope, rewriting.question, trust)
        if nearness.vector is not None and not by_words.done():
            # Beside the words while these are being searched; else in one turn with what follows.
            nearness = await in_reader(candidates.compare, scope, nearness)
    wording, looks = by_words.result()
    # Counting the terms of a hundred chunks is too long for the event loop.
    weigh_all = partial(_weigh, user_id, scope, rewriting, trust, wording, looks, nearness)
    if reranker := conf.reranker():
        nearness, weighed = await in_reader(weigh_all)
        reranking = await rerank(rewriting.question, weighed, reranker)
        selected, passages = await in_reader(_choose, rewriting.question, trust, nearness, reranking, limit)
    else:
        nearness, reranking, selected, passages = await in_reader(
            _weigh_and_choose, weigh_all, rewriting.question, trust, limit
        )
    return Search(rewriting, trust, wording, nearness, reranking, selected, passages)


def _find_or_read(
    user_id: int,
    document_ids: Collection[int],
    knowledge_ids: Collection[int],
    index: OtherIndex | None,
    room: Room | None,
) -> tuple[Scope, Whole | None, Room | None]:
    """Return also the room, if whole documents are wanted."""
    scope = find_scope(user_id, document_ids, knowledge_ids, index)
    if room is None or not scope.document_ids or not room.is_wanted():
        return scope, None, None
    return scope, read_whole(user_id, scope, room), room


def _search_words(scope: Scope, rewriting: Rewriting) -> tuple[Wording, dict[int, Look]]:
    wording = candidates.search_words(rewriting.terms, scope)
    # Here and now: the embedder is still busy with the question.
    return wording, look_at(rewriting.question, rewriting.terms, wording.chunks)


def _weigh(
    user_id: int,
    scope: Scope,
    rewriting: Rewriting,
    trust: float,
    wording: Wording,
    looks: Mapping[int, Look],
    nearness: Nearness,
) -> tuple[Nearness, list[Weighed]]:
    """Return also what the leg by meaning has found, if that was not known before."""
    question, terms = rewriting.question, rewriting.terms
    nearness = candidates.compare(scope, nearness)
    similarities = candidates.similarities_of(scope, nearness, looks)
    others = candidates.read_chunks(similarities.keys() - looks.keys())
    looks = {**looks, **look_at(question, terms, others)}
    chunks = candidates.still_readable(user_id, scope, [*wording.chunks, *others])
    weighed = weigh(question, terms, trust, chunks, looks, wording.shares, similarities, rewriting.borrowed)
    return nearness, weighed


def _weigh_and_choose(
    weigh_all: Callable[[], tuple[Nearness, list[Weighed]]], question: str, trust: float, limit: int
) -> tuple[Nearness, Reranking, list[Selected], tuple[Passage, ...]]:
    """Do in one turn what a reranker would stand between."""
    nearness, weighed = weigh_all()
    reranking = Reranking(ranked=weighed)
    return nearness, reranking, *_choose(question, trust, nearness, reranking, limit)


def _choose(
    question: str, trust: float, nearness: Nearness, reranking: Reranking, limit: int
) -> tuple[list[Selected], tuple[Passage, ...]]:
    # Without similarities the words alone must tell.
    needed = evidence.needed(question, trust if nearness.similarities else 0.0)
    selected = select(reranking.ranked, limit, needed)
    return selected, passages_of(selected)
