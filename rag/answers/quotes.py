"""The Quotes answerer: no model, only the documents' sentences that come closest to the question, word for word."""

from __future__ import annotations

import asyncio

from rag.answers import wishes, wording
from rag.answers.candidates import candidates_in, overlap_of, rarity_of, speaking_of
from rag.answers.choosing import choose, nearest
from rag.answers.weighing import can_answer, may_be_near, meanings_of, weigh
from rag.lexical import words
from rag.types import QuotedAnswer, Retrieval


async def quote(question: str, retrieval: Retrieval | None) -> QuotedAnswer:
    """Answer with quotations from the passages found, numbered as they are there, or say why there are none.

    Args:
        retrieval: None when the question has no documents to draw on at all.
    """
    if retrieval is None:
        return QuotedAnswer(text=wording.introduction(), passages={}, found=False, is_sure=False)
    passages = retrieval.passages
    terms = words.query_terms(wishes.telling_part(question))
    candidates = await asyncio.to_thread(candidates_in, question, terms, passages)
    candidates = speaking_of(question, candidates)
    rarity = rarity_of(terms, candidates)
    candidates.sort(key=lambda candidate: -overlap_of(candidate, rarity))
    meanings = await meanings_of(question, candidates, retrieval)
    ranked = weigh(question, candidates, meanings, rarity, passages)
    close = [item for item in ranked if item.is_close]
    is_sure = can_answer(question, close, passages)
    near = ranked if not is_sure and may_be_near(question, passages) else []
    chosen = choose(close, rarity) if is_sure else nearest(near)
    if not chosen:
        return QuotedAnswer(text=wording.nothing_matches(passages), passages={}, found=False, is_sure=False)
    return QuotedAnswer(
        text=wording.quotations(question, chosen, passages, is_sure=is_sure),
        passages={candidate.number: candidate.passage for candidate in sorted(chosen, key=lambda c: c.number)},
        found=True,
        is_sure=is_sure,
    )
