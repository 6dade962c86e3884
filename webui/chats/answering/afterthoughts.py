"""What the model of an answer is asked once that has ended: a title, tags, and what could be asked next.

Each is the next message of the very conversation that the answer ended: the model has read all of it but these few
words, and what it has read stays read for the person's next question. Nobody waits for it, so it waits for everybody:
nothing is asked while an answer is written in this process, and what is being asked when somebody asks is given up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from django.utils import translation
from django.utils.translation import gettext as _

from inference import client
from inference.errors import InferenceError
from inference.types import ChatMessage, ChatRequest, Delta
from webui.accounts.model_access import require_model
from webui.chats import conf
from webui.chats.answerers import QUOTES
from webui.chats.answering import afterthought_texts as texts
from webui.chats.answering.live import LiveAnswer
from webui.chats.intake import sidebar_changed
from webui.chats.prompting.building import estimate_tokens
from webui.chats.relay.database import in_database
from webui.chats.relay.protocol import ChatRenamed, FollowUpsSuggested
from webui.chats.services import afterthoughts
from webui.chats.services.afterthoughts import Wanted
from webui.chats.services.tasks import Task
from webui.chats.views.fragments import render_follow_ups

if TYPE_CHECKING:
    from webui.chats.answering.registry import Registry

logger = logging.getLogger(__name__)

PATIENCE_S: Final = 120.0
"""What has found no quiet moment by then is given up: the chat has gone on, or nobody looks at it any more."""
TIMEOUT_S: Final = 60.0
"""For all that is asked after one answer. A model that takes longer has better things to do."""
MAX_WAITING: Final = 50
"""With more, the oldest are given up."""
TITLE_TOKENS: Final = 40
TAGS_TOKENS: Final = 40
FOLLOW_UPS_TOKENS: Final = 160
MAX_CHARS: Final = 4000
"""A model that is not held to its tokens is cut off there."""
ROOM_TOKENS: Final = 400
"""What a question of ours and its answer take at most. Without that room the oldest turns would be pushed out."""


@dataclass(frozen=True, slots=True)
class Afterthought:
    """What can be asked after one answer: its conversation, as it was sent, and what was answered."""

    task: Task
    request: ChatRequest
    content: str


class Afterthoughts:
    """Those of one process, asked one after the other. Owned by its registry."""

    def __init__(self) -> None:
        self._waiting: deque[Afterthought] = deque(maxlen=MAX_WAITING)
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._asking: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> list[Afterthought]:
        return list(self._waiting)

    def hold(self, chat: str) -> None:
        """An answer is begun: give up what is being asked, and what waits for a chat that goes on."""
        self._quiet.clear()
        if self._asking is not None:
            self._asking.cancel()
        others = [waiting for waiting in self._waiting if waiting.task.chat_uuid != chat]
        self._waiting.clear()
        self._waiting.extend(others)

    def release(self) -> None:
        """No answer is written any more."""
        self._quiet.set()

    def add(self, thought: Afterthought) -> None:
        self._waiting.append(thought)

    async def keep_asking(self, registry: Registry) -> None:
        """Ask what waits, until nothing does."""
        while self._waiting:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._quiet.wait()
            except TimeoutError:
                self._waiting.clear()
                return
            self._asking = asyncio.create_task(ask_all(registry, self._waiting.popleft()))
            try:
                await asyncio.wait({self._asking})
            finally:
                self._asking.cancel()
            if not self._asking.cancelled() and (error := self._asking.exception()) is not None:
                logger.error("What is asked after an answer failed.", exc_info=error)


def afterthought_of(answer: LiveAnswer) -> Afterthought | None:
    """Return what can be asked after an answer that has ended; None when there is nothing to ask, or no room for it."""
    request = answer.request
    if request is None or answer.end_state != "finished" or not answer.content or answer.task.model == QUOTES:
        return None
    window = request.options.get("num_ctx") or answer.ledger.get("context_tokens")
    usage = answer.usage
    n_tokens = (usage.prompt_tokens or answer.ledger["estimated_tokens"]) + (
        usage.answer_tokens or estimate_tokens(answer.content)
    )
    if window is not None and n_tokens + ROOM_TOKENS > window:
        return None
    return Afterthought(answer.task, request, answer.content)


async def ask_all(registry: Registry, thought: Afterthought) -> None:
    if not await in_database(conf.thinks_after_answers):
        return
    wanted = await in_database(afterthoughts.wanted_after, thought.task)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            if wanted.title:
                await _give_title(registry, thought)
            if wanted.follow_ups:
                await _suggest(registry, thought)
            if wanted.tags:
                await _tag(registry, thought, wanted)
    except (InferenceError, TimeoutError) as exc:
        # The title stays what it is, and nobody was promised the rest.
        logger.info("What is asked after an answer was given up: %s.", type(exc).__name__)


async def _give_title(registry: Registry, thought: Afterthought) -> None:
    said = await _ask(thought, _title_question(thought.task.language), TITLE_TOKENS)
    title = texts.title_in(said)
    is_given = await in_database(afterthoughts.give_title, thought.task, title) if title else False
    if is_given:
        renamed = ChatRenamed(type="chat.renamed", chat=thought.task.chat_uuid, title=title)
        registry.tell_user(thought.task.user_id, renamed)


async def _suggest(registry: Registry, thought: Afterthought) -> None:
    task = thought.task
    said = await _ask(thought, _follow_ups_question(task.language), FOLLOW_UPS_TOKENS)
    questions = texts.questions_in(said, besides=task.question)
    if not questions or not await in_database(afterthoughts.keep_follow_ups, task, questions):
        return
    with translation.override(task.language or None):
        html = render_follow_ups(questions)
    suggested = FollowUpsSuggested(
        type="follow_ups.suggested", chat=task.chat_uuid, message=task.message_uuid, html=html
    )
    registry.tell_chat(task.chat_uuid, suggested)


async def _tag(registry: Registry, thought: Afterthought, wanted: Wanted) -> None:
    said = await _ask(thought, _tags_question(thought.task.language, wanted.known_tags), TAGS_TOKENS)
    owner = await in_database(afterthoughts.tag_chat, thought.task, texts.tags_in(said))
    if owner is not None:
        registry.tell_user(owner.pk, await in_database(sidebar_changed, owner))


async def _ask(thought: Afterthought, question: str, n_tokens: int) -> str:
    request = thought.request
    asked = replace(
        request,
        messages=[
            *request.messages,
            ChatMessage(role="assistant", content=thought.content),
            ChatMessage(role="user", content=question),
        ],
        # What was set stays, or the model would be loaded anew; where an answer ends was meant for others than this.
        options={
            **{name: value for name, value in request.options.items() if name != "stop"},  # type: ignore[typeddict-item]
            "num_predict": n_tokens,
        },
        think=False,
        format=None,
        priority="idle",
    )
    await require_model(thought.task.user_id, asked.model)
    said = ""
    async with aclosing(client.stream_chat(asked)) as events:
        async for event in events:
            if isinstance(event, Delta):
                said += event.content
            if len(said) > MAX_CHARS:
                break
    return said


def _title_question(language: str) -> str:
    with translation.override(language or None):
        return _(
            "Give this conversation a title of two to six words, in the language that I write in. "
            "Reply with the title alone."
        )


def _follow_ups_question(language: str) -> str:
    with translation.override(language or None):
        return _(
            "Write three short questions that I could ask you next, in my words and in the language that I write in. "
            "Reply with the questions alone, one a line."
        )


def _tags_question(language: str, known: list[str]) -> str:
    with translation.override(language or None):
        question = _(
            "Name one to three general subjects of this conversation, one or two words each, in the language that I "
            "write in. Reply with them alone, with commas between them."
        )
        if known:
            question += " " + _("Use these where they fit: %(tags)s.") % {"tags": ", ".join(known)}
        return question
