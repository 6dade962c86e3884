"""Run one generation from its question to its end.

The task belongs to the registry of this process, not to a socket: a page that closes stops nothing.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from django.db import DatabaseError
from django.utils import translation
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inference import client
from inference.errors import InferenceError
from inference.types import ChatRequest, Delta, Finished, ModelInfo, Options, Progress
from rag import api as rag
from rag.errors import RagError
from rag.types import Passage, Problem, Retrieval, Room, Said
from webui.chats import conf, journal, pacing
from webui.chats.answerers import QUOTES
from webui.chats.database import in_database
from webui.chats.errors import (
    AnswerEmpty,
    AnswerTooLong,
    DocumentsLate,
    DocumentsUnreadable,
    Failure,
    RetrievalFailed,
    failure_of,
)
from webui.chats.live import LiveAnswer
from webui.chats.models import Message
from webui.chats.prompting import Prompt, briefed_entry, build_prompt, document_room
from webui.chats.registry import Registry
from webui.chats.services import generations
from webui.chats.services.generations import Ending, EndState, Task
from webui.chats.views.fragments import render_answer, render_message
from webui.rendering import cited_numbers, render_markdown
from webui.ui.moments import duration_in_words

logger = logging.getLogger(__name__)

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
    registry.own(run_answer(registry, answer))
    registry.ensure("rendering", lambda: pacing.render_answers(registry.answers))
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
            await _end(answer, answer.producer)
        finally:
            registry.answers.pop(answer.task.generation_uuid, None)


async def produce(registry: Registry, answer: LiveAnswer) -> None:
    """Fill the answer. Raises what went wrong; a cancel stops the upstream at once."""
    task = answer.task
    if task.briefed:
        answer.ledger |= {"briefings": [briefed_entry(briefed, task.model) for briefed in task.briefed]}
    if task.model == QUOTES:
        await _quote(answer, await _find_passages(answer, None))
        return
    info = await client.find_model(task.model)
    sampling = task.sampling
    window = _window_of(info, sampling.options.get("num_ctx"))
    room = replace(document_room(task.turns, window or conf.context_tokens()), is_wanted=conf.gives_whole_documents)
    found = await _find_passages(answer, room)
    if found and found.is_whole:
        # Many times as much text as usual: too long for the event loop.
        prompt = await asyncio.to_thread(build_prompt, task.turns, found.passages, context_tokens=window, is_whole=True)
    else:
        passages = found.passages if found else ()
        prompt = build_prompt(task.turns, passages, context_tokens=window, has_searched=found is not None)
    answer.ledger |= prompt.ledger
    answer.expect_citations(prompt.passages)
    request = ChatRequest(
        model=task.model,
        messages=prompt.messages,
        options=_options_for(info, prompt, sampling.options),
        think=sampling.think,
        keep_alive_s=sampling.keep_alive_s,
        asked_by=str(task.user_id),
    )
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
                _say_waiting(answer, event)
            elif isinstance(event, Delta):
                if event.thinking:
                    thinking_since = loop.time() if thinking_since is None else thinking_since
                    answer.add_thinking(event.thinking)
                    _say_thinking(answer, loop.time() - thinking_since)
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
    """Return what was set. Our own server is asked for a larger window only when the prompt needs it.

    It chooses by free memory otherwise.
    """
    if "num_ctx" in chosen:
        return chosen
    window = prompt.ledger["context_tokens"]
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
        document_ids = await in_database(generations.all_documents, task.user_id)
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
                raise DocumentsUnreadable(generations.lasting_name(document, task.user_id), document.error)
        if not being_read:
            break
        _say(answer, _reading_text, being_read[0])
    attached = await in_database(generations.attached_documents, task.question_document_ids, task.user_id)
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


# ---- sentences while no text comes -------------------------------------------------------------------


def _say_waiting(answer: LiveAnswer, progress: Progress) -> None:
    if progress.state == "loading":
        _say(answer, _loading_text, answer.task.model, progress.waited_s)
    else:
        _say(answer, _queue_text, progress.queue_position or 0, progress.expected_s)


def _say_thinking(answer: LiveAnswer, seconds: float) -> None:
    if not answer.has_text:
        _say(answer, _thinking_text, seconds)


def _say(answer: LiveAnswer, make: Callable[..., str], *facts: object) -> None:
    """Show a sentence where the answer will be, in the reader's language; the same one is not sent twice."""
    with translation.override(answer.task.language or None):
        answer.publish_progress(make(*facts))


def _reading_text(document: rag.Document) -> str:
    if not document.n_chunks:
        return _("Reading %(name)s") % {"name": document.name}
    percent = 100 * document.n_chunks_done // document.n_chunks
    return _("Reading %(name)s, %(percent)s %%") % {"name": document.name, "percent": percent}


def _loading_text(model: str, seconds: float) -> str:
    return _("Loading %(model)s, %(seconds).0f s") % {"model": model, "seconds": seconds}


def _queue_text(position: int, expected_s: float | None) -> str:
    if position:
        words = ngettext(
            "Waiting: %(n)s question is before yours", "Waiting: %(n)s questions are before yours", position
        )
        words %= {"n": position}
    else:
        words = _("Waiting: yours is the next question")
    if expected_s is None:
        return words
    return _("%(waiting)s, about %(time)s") % {"waiting": words, "time": duration_in_words(_calm(expected_s))}


def _calm(seconds: float) -> float:
    """An estimate in steps, so that it does not change with every look at it."""
    return max(1, round(seconds)) if seconds < 10 else 5 * round(seconds / 5)


def _thinking_text(seconds: float) -> str:
    return _("Thinking, %(seconds).0f s") % {"seconds": seconds}


# ---- the end ---------------------------------------------------------------------------------------


async def _end(answer: LiveAnswer, producer: asyncio.Task[None]) -> None:
    state, failure = _outcome(answer, producer)
    html = await _finish_rendering(answer)
    cited = await asyncio.to_thread(_cited, answer, html) if answer.passages else Cited()
    ending = Ending(
        state=state,
        content=answer.content,
        thinking=answer.thinking,
        failure=failure,
        usage=answer.usage,
        first_delta_at=answer.first_delta_at,
        ledger=answer.ledger
        | ({"retrieval": answer.trace.as_dict()} if answer.trace else {})
        | ({"unsupported": cited.unsupported} if cited.unsupported else {}),
        citations=cited.passages,
    )
    if cited.unsupported:
        # It shows these as citations.
        html = None
    try:
        stored = await in_database(_store_and_render, answer.task, ending, html)
    except DatabaseError:
        # The journal has the text; the row is found to be abandoned and marked interrupted later.
        logger.exception("The end of generation %s could not be stored.", answer.task.generation_uuid)
        return
    if stored is not None:
        answer.publish_end(*stored)


async def _finish_rendering(answer: LiveAnswer) -> SafeString | None:
    """Return the answer as HTML; None when a thread is still busy with a part of it: then it is rendered anew."""
    if answer.is_rendering or not answer.has_text:
        return None
    answer.is_rendering = True
    return await asyncio.to_thread(answer.finish_rendering)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """What an answer cites: passages by number, and the numbers of those that have nothing of what it says."""

    passages: Mapping[int, Passage] = field(default_factory=dict)
    unsupported: Sequence[int] = ()


def _cited(answer: LiveAnswer, html: SafeString | None) -> Cited:
    if html is None:
        html = render_markdown(answer.content, citations=range(1, len(answer.passages) + 1))
    shown = cited_numbers(html)
    passages = rag.cited_passages(answer.content, answer.passages, shown)
    return Cited(passages=passages, unsupported=[number for number in shown if number not in passages])


def _outcome(answer: LiveAnswer, producer: asyncio.Task[None]) -> tuple[EndState, Failure | None]:
    if producer.cancelled():
        if answer.is_stop_requested:
            return "stopped", None
        return "interrupted", Failure(code="interrupted", facts={})
    error = producer.exception()
    if error is None:
        return "finished", None
    failure = failure_of(error)
    if failure.code == "internal":
        logger.error("Generation %s failed.", answer.task.generation_uuid, exc_info=error)
    return "failed", failure


def _store_and_render(task: Task, ending: Ending, html: SafeString | None) -> tuple[EndState, str] | None:
    """Store the end; return the state that stands in the database now, with the message as HTML."""
    with translation.override(task.language or None):
        if ended := generations.end_generation(task, ending):
            return ending.state, render_answer(ended, html)
        message = Message.objects.filter(pk=task.message_id).select_related("chat", "generation").first()
        if message is None:
            return None
        return message.generation.state, render_message(message)  # type: ignore[return-value]  # an end state
