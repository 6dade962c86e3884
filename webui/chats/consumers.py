"""The chat socket: one a page, thin. What the page asks for goes to services, what happens comes from the registry."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import Http404
from django.utils import translation

from webui.accounts.models import User
from webui.chats import access, conf, intake
from webui.chats.answerers import Answerer, answerer_of, check_answerer
from webui.chats.answering.live import LiveAnswer
from webui.chats.answering.orchestration import begin_answer
from webui.chats.answering.registry import Registry, registry
from webui.chats.errors import (
    ChatError,
    MessageTooLong,
    ModelCannotChat,
    ModelUnknown,
    ModelUnreachable,
    NotFound,
    PresetWithoutModel,
)
from webui.chats.intake import Question
from webui.chats.leaving import end_temporary
from webui.chats.models import PICTURES
from webui.chats.relay.database import first_in_database, in_database
from webui.chats.relay.decoding import decode_event, ref_of
from webui.chats.relay.events import Frame, Outbox, OutboxFull
from webui.chats.relay.protocol import (
    AnswerRequested,
    BranchOutdated,
    ChatClosed,
    ChatOpened,
    ClientEvent,
    MergeRequested,
    MessageEdited,
    MessageSent,
    RequestRefused,
    StopRequested,
)
from webui.chats.relay.sockets import CLOSE_SIGNED_OUT, CloseCode, Ticket
from webui.chats.services.asking import Choice
from webui.chats.wording import REFUSALS, refusal_text
from webui.presets.ids import is_preset_id
from webui.ui.languages import language_of_scope

logger = logging.getLogger(__name__)

CLOSE_TOO_SLOW: Final = 4408
ENVELOPE_MAX_CHARS: Final = 16_000
"""Room for everything in a message beside its content."""
ESCAPED_CHAR_MAX: Final = 6
"""One character can be six in JSON."""


class ChatConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """One connected page. Lives as long as its connection."""

    # No channel of its own: events of other processes come through the registry, for all sockets in one connection.
    channel_layer_alias = ""
    registry: Registry
    ticket: Ticket

    def __init__(self) -> None:
        super().__init__()
        self.user: User | None = None
        self._outbox = Outbox()
        self._has_mail = asyncio.Event()
        self._close_code: int | None = None
        self._writer: asyncio.Task[None] | None = None
        # For who has chosen none.
        self._language = ""
        # Chats that go with the last page that shows them.
        self._temporary: set[str] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        try:
            return await super().__call__(scope, receive, send)
        finally:
            await self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Without what is done elsewhere before every message, in a thread: there is no database connection to look
        # after but that of the database thread.
        await getattr(self, get_handler_name(message))(message)

    # ---- connection ----

    async def connect(self) -> None:
        await self.accept()
        ticket = Ticket.of_scope(self.scope)
        if ticket is None:
            await self.close(CLOSE_SIGNED_OUT)
            return
        self.ticket = ticket
        self._language = language_of_scope(self.scope)
        self.registry = registry()
        if not await self._is_welcome():
            return
        self.registry.join(self)
        self._writer = asyncio.create_task(self._write())

    async def _is_welcome(self) -> bool:
        """Read the person again: what they may do can have changed since the last event."""
        verdict = await self.registry.tickets.verdict(self.ticket)
        if isinstance(verdict, User):
            self.user = verdict
            return True
        self.user = None
        await self.close(verdict)
        return False

    async def _leave(self) -> None:
        if self._writer is None:
            return
        self.registry.leave(self)
        for chat in self._temporary:
            self.registry.own(end_temporary(self.registry, chat))
        self._writer.cancel()
        await asyncio.wait({self._writer})

    # ---- to the page ----

    def push(self, frame: Frame) -> None:
        try:
            self._outbox.push(frame)
        except OutboxFull:
            # The page connects again and goes on from what it has seen.
            self._close_code = CLOSE_TOO_SLOW
        self._has_mail.set()

    def close_soon(self, code: CloseCode) -> None:
        self._close_code = code
        self._has_mail.set()

    async def _write(self) -> None:
        while True:
            await self._has_mail.wait()
            self._has_mail.clear()
            if self._close_code is not None:
                self.user = None
                self.registry.leave(self)
                await self.close(self._close_code)
                return
            for frame in self._outbox.take_all():
                await self.send(text_data=frame.json)

    def _refuse(self, code: str, text: str, ref: str | None) -> None:
        refused = RequestRefused(type="request.refused", code=code, text=text)
        if ref is not None:
            refused["ref"] = ref
        self.push(Frame(refused))

    # ---- from the page ----

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._writer is None or not await self._is_welcome():
            return
        text = text_data or ""
        with translation.override(self._user.language or self._language):
            try:
                await self._dispatch(self._decoded(text))
            except ChatError as error:
                self._refuse(error.code, refusal_text(error), ref_of(text))
            except Http404:
                self._refuse(NotFound.code, refusal_text(NotFound()), ref_of(text))
            except Exception:
                logger.exception("An event of the chat socket failed.")
                self._refuse("internal", str(REFUSALS["internal"]), ref_of(text))

    def _decoded(self, text: str) -> ClientEvent:
        limit = conf.message_max_chars()
        if len(text) > limit * ESCAPED_CHAR_MAX + ENVELOPE_MAX_CHARS:
            raise MessageTooLong(len(text), limit)
        return decode_event(text)

    @property
    def _user(self) -> User:
        if self.user is None:
            raise NotFound
        return self.user

    async def _dispatch(self, event: ClientEvent) -> None:
        await self._handlers[event["type"]](self, event)

    async def _chat_opened(self, event: ChatOpened) -> None:
        chat, seen = event["chat"], event.get("seen", {})
        if (await in_database(access.chat_read, self._user, chat)).is_temporary:
            self._temporary.add(chat)
        # Whatever changes from here on is told; what changed before is in what is read after.
        self.registry.watch(self, chat)
        state = await in_database(intake.open_chat, self._user, chat, seen)
        if "last" in event and event["last"] != state.last:
            self.push(Frame(BranchOutdated(type="branch.outdated", chat=chat)))
        here = {answer.task.generation_uuid: answer for answer in self.registry.answers_of(chat)}
        for generation, answer in here.items():
            answer.attach(self, seen.get(generation, 0))
        ended = state.ended
        if elsewhere := state.active - here.keys():
            self.registry.resume_elsewhere({generation: seen.get(generation, 0) for generation in elsewhere})
            # Or they have ended since the database was asked.
            ended += await in_database(intake.ended_generations, self._user, chat, elsewhere, seen)
        for end in ended:
            if end["generation"] not in here:
                self.push(Frame(end))

    async def _chat_closed(self, event: ChatClosed) -> None:
        chat = event["chat"]
        self.registry.unwatch(self, chat)
        if chat in self._temporary:
            self._temporary.discard(chat)
            self.registry.own(end_temporary(self.registry, chat, grace_s=0))

    async def _message_sent(self, event: MessageSent) -> None:
        await self._ask(event, intake.send)

    async def _message_edited(self, event: MessageEdited) -> None:
        await self._ask(event, intake.edit)

    async def _answer_requested(self, event: AnswerRequested) -> None:
        await self._ask(event, intake.regenerate)

    async def _merge_requested(self, event: MergeRequested) -> None:
        await self._ask(event, intake.merge)

    async def _ask(self, event: Any, put: Callable[[User, Any], Question]) -> None:
        """Store a question, start its answers, and show all on every page with this chat.

        A page asks again under the same ref when its connection broke before it heard of the outcome.
        """
        await self._check_answerers(event)
        # A connection that breaks meanwhile ends this handler: a question that is stored is answered all the same.
        question, answers = await self.registry.carry_out(self._begun(event, put))
        chat = question.chat_uuid
        self.registry.watch(self, chat)
        change = await in_database(intake.change_of, question)
        own = change.branch.copy()
        own["ref"] = event["ref"]
        self.push(Frame(own))
        if change.sidebar is not None:
            self.registry.tell_user(self.ticket.user_id, change.sidebar)
        if not answers:
            await self._chat_opened(ChatOpened(type="chat.opened", chat=chat))
            return
        self.registry.tell_chat(chat, change.branch, besides=self)
        for socket in self.registry.watchers_of(chat):
            for answer in answers:
                answer.attach(socket, 0)

    async def _begun(self, event: Any, put: Callable[[User, Any], Question]) -> tuple[Question, list[LiveAnswer]]:
        question = await first_in_database(put, self._user, event)
        return question, [begin_answer(self.registry, task) for task in question.tasks]

    async def _check_answerers(self, event: Any) -> None:
        choice = Choice(model=event["model"], beside=event.get("beside", ()), to=event.get("to", ""))
        if choice.to == PICTURES:
            # No model is asked; who makes pictures is looked up where the question is stored.
            return
        try:
            await self._check_choice(choice, has_images=bool(event.get("images")))
        except ChatError:
            # The model has gone since; the page is to hear of its answer all the same.
            if not await in_database(intake.was_asked, self._user, event["ref"]):
                raise

    async def _check_choice(self, choice: Choice, *, has_images: bool) -> None:
        """Make sure that one can be asked at least: where others cannot, that is said in place of their answers."""
        missing: list[ChatError] = []
        for chosen in choice.ids:
            try:
                # Only what a preset stands for has to be looked up.
                answerer = (
                    await first_in_database(answerer_of, self._user, chosen)
                    if is_preset_id(chosen)
                    else Answerer(id=chosen, model=chosen)
                )
                await check_answerer(self._user, answerer, has_images=has_images)
            except ModelCannotChat:
                raise
            except (ModelUnknown, ModelUnreachable, PresetWithoutModel) as error:
                missing.append(error)
        if len(missing) == len(choice.ids):
            raise missing[0]

    async def _stop_requested(self, event: StopRequested) -> None:
        await in_database(intake.may_stop, self._user, event["chat"], event["generation"])
        self.registry.stop(event["generation"])

    _handlers: Final[Mapping[str, Callable[[ChatConsumer, Any], Awaitable[None]]]] = {
        "chat.opened": _chat_opened,
        "chat.closed": _chat_closed,
        "message.sent": _message_sent,
        "message.edited": _message_edited,
        "answer.requested": _answer_requested,
        "merge.requested": _merge_requested,
        "stop.requested": _stop_requested,
    }
