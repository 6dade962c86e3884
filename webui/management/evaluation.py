"""What `rag_eval` measures: golden questions by embedder, and the time and worth of answers by model and embedder."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from inference import client
from inference.errors import InferenceError, ModelNotFound
from inference.types import ChatRequest, Delta, Finished, ModelInfo, Options, Usage
from rag import embedding
from rag.errors import EmbedderUnfit, StoreOwnedElsewhere, StoreUnavailable
from rag.evaluation import measures
from rag.evaluation.trials import Tried, index_in_memory, try_questions
from rag.models import IndexVersion, Knowledge
from rag.queries import current_version, knowledge_readable_by
from rag.retrieval import LIMIT, OtherIndex
from rag.store import vector_store
from rag.threads import in_thread
from rag.types import Passage
from webui.chats import conf
from webui.chats.prompting.building import build_prompt
from webui.chats.prompting.turns import Turn
from webui.rendering import cited_numbers, render_markdown

HIT_AT = LIMIT
"""As many passages as a model is given."""

Tell = Callable[[str], None]
"""Says how far it is; the next call replaces what was said."""


class CannotMeasure(Exception):
    """Why nothing is measured: one sentence for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure. Without `embedders` the one in use; `max_tokens` bounds each answer."""

    knowledge: Sequence[Knowledge]
    models: Sequence[str] = ()
    embedders: Sequence[str] = ()
    n_questions: int = 500
    max_tokens: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How one embedder did in one knowledge. `question_s`: the mean time from a question to its passages."""

    knowledge: Knowledge
    embedder: str
    is_in_memory: bool
    figures: measures.Measures
    n_unfindable: int
    n_by_words_alone: int
    question_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question to one model, with the passages that one embedder found.

    Attributes:
        first_token_s, total_s: From the question, so with the search; None when there was no answer.
        is_hit: The expected passage was among the HIT_AT that the model was given.
        is_cited: The answer names it. None when it was not given.
        problem: Why there was no answer, in a sentence.
    """

    knowledge: Knowledge
    question: str
    model: str
    embedder: str
    is_hit: bool
    first_token_s: float | None = None
    total_s: float | None = None
    tokens_per_s: float | None = None
    is_cited: bool | None = None
    problem: str = ""


async def evaluate(plan: Plan, tell: Tell) -> AsyncIterator[Score | Answer]:
    """Yield a score for each knowledge and embedder, each followed by the answers of every model.

    Raises:
        CannotMeasure: A model or embedder is not there, or knowledge cannot be read; nothing was measured.
        InferenceError, RagError: The embedder did not answer.
    """
    chatting = [await _model(name, "completion") for name in plan.models]
    in_use = await in_thread(current_version)
    if in_use is None:
        raise CannotMeasure("No document is indexed yet.")
    embedders = await _embedders(plan.embedders, in_use.embedder)
    for info in chatting:
        tell(f"Loading {info.id}")
        await _ask(info, "Hi", (), max_tokens=1)
    for knowledge in plan.knowledge:
        if not await in_thread(_is_readable, knowledge):
            raise CannotMeasure(f"The owner of “{knowledge.name}” may not read it now, so nothing would be found.")
        for embedder in embedders:
            index = await _index(knowledge, embedder, in_use, tell)
            tried = []
            async for one in try_questions(knowledge, knowledge.owner_id, index, plan.n_questions):
                tried.append(one)
                tell(f"{knowledge.name}, {embedder}: question {len(tried)}")
            yield _score(knowledge, embedder, index, tried)
            for info in chatting:
                for number, one in enumerate(tried, 1):
                    tell(f"{knowledge.name}, {embedder}, {info.id}: answer {number} of {len(tried)}")
                    yield await _answered(knowledge, info, embedder, one, plan.max_tokens)


async def _embedders(names: Sequence[str], in_use: str) -> list[str]:
    """Return the embedders to measure; the one in use by the name that the index knows it by."""
    if not names:
        return [in_use]
    asked = [(await _model(name, "embedding")).id for name in names]
    try:
        known = (await client.find_model(in_use)).id
    except ModelNotFound:
        known = in_use
    return list(dict.fromkeys(in_use if name == known else name for name in asked))


async def _model(name: str, ability: str) -> ModelInfo:
    try:
        info = await client.find_model(name)
    except ModelNotFound as exc:
        raise CannotMeasure(f"No connection offers the model “{name}”.") from exc
    if ability not in info.capabilities:
        lacks = "answers no questions" if ability == "completion" else "makes no embeddings"
        raise CannotMeasure(f"The model “{name}” {lacks}.")
    return info


def _is_readable(knowledge: Knowledge) -> bool:
    return knowledge_readable_by(knowledge.owner_id).filter(pk=knowledge.pk).exists()


async def _index(knowledge: Knowledge, embedder: str, in_use: IndexVersion, tell: Tell) -> OtherIndex | None:
    """Return vectors made in memory; None for the index in use, where this process can open it."""
    if embedder == in_use.embedder:
        try:
            await in_thread(vector_store)
        except StoreOwnedElsewhere:
            tell("The index belongs to the running web process: its vectors are made again in memory")
        except StoreUnavailable:
            tell("The index cannot be opened: its vectors are made again in memory")
        else:
            # Loading the embedder is not part of the first question; what is wrong with it shows there.
            with suppress(InferenceError, EmbedderUnfit):
                await embedding.embed_question(in_use, knowledge.name)
            return None
    return await index_in_memory(
        knowledge, embedder, lambda n, n_all: tell(f"{knowledge.name}, {embedder}: {n} of {n_all} chunks embedded")
    )


def _score(knowledge: Knowledge, embedder: str, index: OtherIndex | None, tried: Sequence[Tried]) -> Score:
    return Score(
        knowledge=knowledge,
        embedder=embedder,
        is_in_memory=index is not None,
        figures=measures.measure([one.rank for one in tried]),
        n_unfindable=sum(bool(one.problem) for one in tried),
        n_by_words_alone=sum(bool(one.dense_problem) for one in tried),
        question_s=sum(one.took_s for one in tried) / max(len(tried), 1),
    )


async def _answered(knowledge: Knowledge, info: ModelInfo, embedder: str, one: Tried, max_tokens: int) -> Answer:
    given = one.passages[:HIT_AT]
    is_hit = one.rank is not None and one.rank <= HIT_AT
    try:
        text, first_s, total_s, usage = await _ask(info, one.question, given, max_tokens)
    except InferenceError as exc:
        return Answer(
            knowledge=knowledge, question=one.question, model=info.id, embedder=embedder, is_hit=is_hit,
            problem=type(exc).__name__,
        )  # fmt: skip
    return Answer(
        knowledge=knowledge,
        question=one.question,
        model=info.id,
        embedder=embedder,
        is_hit=is_hit,
        first_token_s=None if first_s is None else one.took_s + first_s,
        total_s=one.took_s + total_s,
        tokens_per_s=_tokens_per_s(usage, total_s - (first_s or 0)),
        is_cited=one.rank in _cited(text, len(given)) if is_hit else None,
        problem="" if first_s is not None else "no text",
    )


def _cited(text: str, n_passages: int) -> tuple[int, ...]:
    """Return the numbers that the answer would show as citations."""
    return cited_numbers(render_markdown(text, citations=range(1, n_passages + 1)))


async def _ask(
    info: ModelInfo, question: str, passages: Sequence[Passage], max_tokens: int
) -> tuple[str, float | None, float, Usage]:
    """Return the answer, the seconds until it began and until it ended, and what its server counted."""
    window = min(info.context_length or conf.context_tokens(), conf.context_tokens())
    prompt = build_prompt([Turn(uuid="", role="user", content=question)], passages, context_tokens=window)
    # The same words each time, as far as the server can: runs are compared.
    options = Options(temperature=0, seed=1, num_predict=max_tokens)
    request = ChatRequest(model=info.id, messages=prompt.messages, options=options, asked_by="rag_eval")
    began, first_s, text, usage = time.perf_counter(), None, [], Usage()
    async with aclosing(client.stream_chat(request)) as events:
        async for event in events:
            if isinstance(event, Delta) and (event.content or event.thinking):
                first_s = first_s if first_s is not None else time.perf_counter() - began
                text.append(event.content)
            elif isinstance(event, Finished):
                usage = event.usage
    return "".join(text), first_s, time.perf_counter() - began, usage


def _tokens_per_s(usage: Usage, writing_s: float) -> float | None:
    seconds = usage.answer_s or writing_s
    return usage.answer_tokens / seconds if usage.answer_tokens and seconds > 0 else None
