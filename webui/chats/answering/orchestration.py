"""Run one generation from its question to its end.

The task belongs to the registry of this process, not to a socket: a page that closes stops nothing.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import aclosing
from dataclasses import replace

from django.utils import translation

from inference import client
from inference.errors import InferenceError
from inference.types import ChatRequest, Delta, Finished, ModelInfo, Options, Progress
from rag import api as rag
from rag.errors import RagError
from rag.types import Problem, Retrieval, Room, Said
from webui.accounts.model_access import require_model
from webui.chats import conf
from webui.chats.answerers import QUOTES
from webui.chats.answering import journal, pacing
from webui.chats.answering.afterthoughts import afterthought_of
from webui.chats.answering.drawing import draw_answer
from webui.chats.answering.ending import end_answer
from webui.chats.answering.live import LiveAnswer
from webui.chats.answering.pictures import pictured
from webui.chats.answering.registry import Registry
from webui.chats.answering.revoking import stop_refused
from webui.chats.answering.waiting import say_reading, say_thinking, say_waiting
from webui.chats.errors import (
    AnswerEmpty,
    AnswerTooLong,
    DocumentsLate,
    DocumentsUnreadable,
    DraftsTooLong,
    RetrievalFailed,
)
from webui.chats.prompting.building import Prompt, briefed_entry, build_prompt, document_room, sent_options
from webui.chats.prompting.drafts import drafts_entry, with_drafts
from webui.chats.relay.database import in_database
from webui.chats.services import tasks
from webui.chats.services.tasks import Task

PUSH_INTERVAL_S = 0.06
"""Text that arrives within that time leaves as one event; the first text leaves at once."""
PUSH_INTERVAL_PER_ANSWER_S = 0.0005
"""With many answers at once each waits a little longer: 100 ms with 200 of them, where 60 ms would fill a core."""
ANSWER_MAX_CHARS = 2_000_000
"""A model that goes on for ever is stopped there; no book is that long."""
WORKING_SET_TOKENS = 4096
"""Windows are asked for in multiples of this, so that a growing chat does not reload its model every time."""


def begin_answer(registry: Registry, task: Task) -> LiveAnswer:
    """Start a generation; returns at once."""
    answer = LiveAnswer(task)
    if registry.crossing is not None:
        registry.connect_processes()
        answer.relay = registry.crossing.tell_chat
    registry.answers[task.generation_uuid] = answer
    registry.afterthoughts.hold(task.chat_uuid)
    registry.own(run_answer(registry, answer))
    registry.ensure("rendering", lambda: pacing.render_answers(registry.answers))
    registry.ensure("model access", lambda: stop_refused(registry.answers))
    registry.ensure("journal", lambda: journal.keep_journal(registry.answers))
    return answer


async def run_answer(registry: Registry, answer: LiveAnswer) -> None:
    """Produce the answer and store its end, whatever that is: done, stopped, failed, or this process ending."""
    answer.producer = asyncio.create_task(produce(registry, answer))
    if answer.is_stop_requested:
        answer.producer.cancel()
    try:
        await asyncio.wait({answer.producer})
    finally:
        if not answer.producer.done():
            answer.producer.cancel()
            await asyncio.wait({answer.producer})
        try:
            await end_answer(answer, answer.producer)
        finally:
            registry.answers.pop(answer.task.generation_uuid, None)
            if not registry.answers:
                registry.afterthoughts.release()
    if (thought := afterthought_of(answer)) is not None:
        registry.afterthoughts.add(thought)
        registry.ensure("afterthoughts", lambda: registry.afterthoughts.keep_asking(registry))


async def produce(registry: Registry, answer: LiveAnswer) -> None:
    """Fill the answer. Raises what went wrong; a cancel stops the upstream at once."""
    task = answer.task
    if task.drawing is not None:
        await draw_answer(answer, task.drawing)
        return
    if task.briefed:
        answer.ledger |= {"briefings": [briefed_entry(briefed, task.model) for briefed in task.briefed]}
    if task.model == QUOTES:
        await _quote(answer, await _find_passages(answer, None))
        return
    info = await require_model(task.user_id, task.model)
    answer.model_key = info.key
    sampling = task.sampling
    window = _window_of(info, sampling.options.get("num_ctx"))
    branch = await pictured(task, info)
    turns = with_drafts(branch.turns, task.drafts)
    room = replace(document_room(turns, window or conf.context_tokens()), is_wanted=conf.gives_whole_documents)
    found = await _find_passages(answer, room)
    if found and found.is_whole:
        # Many times as much text as usual: too long for the event loop.
        prompt = await asyncio.to_thread(build_prompt, turns, found.passages, context_tokens=window, is_whole=True)
    else:
        passages = found.passages if found else ()
        prompt = build_prompt(turns, passages, context_tokens=window, has_searched=found is not None)
    answer.ledger |= (
        prompt.ledger | branch.ledger(prompt.messages) | {"server": info.connection, "cleared": task.n_cleared}
    )
    answer.ledger |= drafts_entry(task.drafts)
    if task.drafts and window is not None and prompt.ledger["estimated_tokens"] > window:
        raise DraftsTooLong(prompt.ledger["estimated_tokens"], window)
    answer.expect_citations(prompt.passages)
    request = ChatRequest(
        model=task.model,
        messages=prompt.messages,
        options=_options_for(info, prompt, sampling.options),
        think=sampling.think,
        keep_alive_s=sampling.keep_alive_s,
        format=sampling.format,
        asked_by=str(task.user_id),
    )
    answer.ledger |= {"options": sent_options(request)}
    answer.request = request
    await _stream(registry, answer, request)
    if not answer.content and not answer.thinking:
        raise AnswerEmpty


async def _stream(registry: Registry, answer: LiveAnswer, request: ChatRequest) -> None:
    loop = asyncio.get_running_loop()
    thinking_since: float | None = None
    async with aclosing(client.stream_chat(request)) as events:
        async for event in events:
            if isinstance(event, Finished):
                answer.usage = event.usage
            elif isinstance(event, Progress):
                say_waiting(answer, event)
            elif isinstance(event, Delta):
                if event.thinking:
                    thinking_since = loop.time() if thinking_since is None else thinking_since
                    answer.add_thinking(event.thinking)
                    say_thinking(answer, loop.time() - thinking_since)
                if thinking_since is not None and not answer.has_text:
                    answer.thinking_s = loop.time() - thinking_since
                if event.content:
                    answer.add_text(event.content)
                if answer.n_chars > ANSWER_MAX_CHARS:
                    raise AnswerTooLong
                # The next read takes all that has come meanwhile.
                await asyncio.sleep(max(PUSH_INTERVAL_S, PUSH_INTERVAL_PER_ANSWER_S * len(registry.answers)))


def _window_of(info: ModelInfo, num_ctx: int | None) -> int | None:
    """Return the tokens that the prompt has to fit into. `num_ctx` was set by a person; OpenAI's servers take none."""
    if info.connection_kind == "openai":
        return info.context_length
    wanted = num_ctx or conf.context_tokens()
    return min(info.context_length or wanted, wanted)


def _options_for(info: ModelInfo, prompt: Prompt, chosen: Options) -> Options:
    """Return what was set. An Ollama is told the window that the prompt was cut to: its own cuts without a word.

    Our own server is asked for a larger window only when the prompt needs it. It chooses by free memory otherwise.
    """
    if "num_ctx" in chosen:
        return chosen
    window = prompt.ledger["context_tokens"]
    if info.connection_kind == "ollama" and window is not None:
        return {**chosen, "num_ctx": window}
    needed = math.ceil(prompt.ledger["estimated_tokens"] * 4 / 3)
    if info.connection_kind != "builtin" or window is None or needed <= WORKING_SET_TOKENS:
        return chosen
    return {**chosen, "num_ctx": min(window, math.ceil(needed / WORKING_SET_TOKENS) * WORKING_SET_TOKENS)}


# ---- documents -----------------------------------------------------------------------------------


async def _find_passages(answer: LiveAnswer, room: Room | None) -> Retrieval | None:
    """Return the passages for the question: from the branch's documents and knowledge, or for Quotes from all.

    None without a question, or without anything to draw on.

    Args:
        room: What the model may be given of whole documents.
    """
    task = answer.task
    document_ids = task.document_ids
    if task.question_document_ids or any(briefed.document_ids for briefed in task.briefed):
        await _wait_for_documents(answer)
    if not document_ids and not task.knowledge_ids and task.model == QUOTES:
        document_ids = await in_database(tasks.all_documents, task.user_id)
    if not (document_ids or task.knowledge_ids) or not task.question.strip():
        return None
    try:
        found = await rag.retrieve(
            user_id=task.user_id,
            question=task.question,
            document_ids=document_ids,
            knowledge_ids=task.knowledge_ids,
            earlier=_said_before(task),
            rewriter="" if task.model == QUOTES else task.model,
            room=room,
        )
    except (RagError, InferenceError) as exc:
        raise RetrievalFailed from exc
    answer.trace = found.trace
    return found


def _said_before(task: Task) -> list[Said]:
    return [Said(turn.role, turn.content) for turn in task.turns[:-1] if turn.role in ("user", "assistant")]


async def _wait_for_documents(answer: LiveAnswer) -> None:
    task = answer.task
    if _were_ready(task) or await rag.are_ready(task.document_ids):
        return
    async for unfinished in rag.wait_until_ready(task.document_ids, conf.document_wait_s()):
        # Only a person can bring an embedder that is missing.
        being_read = [document for document in unfinished if document.error != Problem.EMBEDDER_MISSING]
        for document in unfinished:
            if document not in being_read and document.pk in task.question_document_ids:
                raise DocumentsUnreadable(tasks.lasting_name(document, task.user_id), document.error)
        if not being_read:
            break
        say_reading(answer, being_read[0])
    attached = await in_database(tasks.attached_documents, task.question_document_ids, task.user_id)
    for name, state, problem in attached:
        if state == rag.Document.State.FAILED:
            raise DocumentsUnreadable(name, problem)
        if state != rag.Document.State.READY:
            raise DocumentsLate(name)


def _were_ready(task: Task) -> bool:
    """Whether all documents were, so far as was read when the question was stored: a moment ago."""
    attached = [document for own in task.shown.attached.values() for document in own.documents]
    ready = {document.pk for document in attached if document.state == rag.Document.State.READY}
    return ready.issuperset(task.document_ids)


async def _quote(answer: LiveAnswer, found: Retrieval | None) -> None:
    answer.expect_citations(found.passages if found else ())
    with translation.override(answer.task.language or None):
        quoted = await rag.quote(found.trace.searched if found else answer.task.question, found)
    answer.add_text(quoted.text)
