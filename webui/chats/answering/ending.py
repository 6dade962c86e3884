"""The end of an answer, whatever it is: what it cites, how it ended, and what is stored and shown of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import DatabaseError
from django.utils import translation
from django.utils.safestring import SafeString

from rag import api as rag
from rag.types import Passage
from webui.chats.answering.live import LiveAnswer
from webui.chats.errors import Failure
from webui.chats.failures import failure_of
from webui.chats.models import Message
from webui.chats.relay.database import in_database
from webui.chats.services import generations
from webui.chats.services.generations import Ending, EndState
from webui.chats.services.tasks import Task
from webui.chats.views.fragments import render_answer, render_message
from webui.rendering import cited_numbers, render_markdown

logger = logging.getLogger(__name__)


async def end_answer(answer: LiveAnswer, producer: asyncio.Task[None]) -> None:
    state, failure = _outcome(answer, producer)
    html = await _finish_rendering(answer)
    cited = await asyncio.to_thread(_cited, answer, html) if answer.passages else Cited()
    ending = Ending(
        state=state,
        content=answer.content,
        thinking=answer.thinking,
        failure=failure,
        usage=answer.usage,
        thinking_s=answer.thinking_s,
        first_delta_at=answer.first_delta_at,
        ledger=answer.ledger
        | ({"retrieval": answer.trace.as_dict()} if answer.trace else {})
        | ({"unsupported": cited.unsupported} if cited.unsupported else {}),
        citations=cited.passages,
        pictures=answer.pictures,
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
