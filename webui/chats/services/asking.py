"""A question and the answers that it begins: who gives them, what is stored of both, and what pages are told.

Checks that the upstream has to be asked for, such as whether a model exists, come before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone

from webui.accounts.models import User
from webui.chats import access, conf
from webui.chats.answerers import Answerer, answerer_of, painter_of
from webui.chats.errors import AnswerRunning, ChatError
from webui.chats.models import Chat, Generation, Message
from webui.chats.queries import active_generations
from webui.chats.search import index
from webui.chats.search.index import Text
from webui.chats.services import generations
from webui.chats.services.titles import first_words
from webui.chats.shown_branch import Attached
from webui.chats.wishes import PictureWish, drawing_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Who answers.

    Attributes:
        model, beside: As the chat remembers them; each gives an answer of its own.
        to: Who answers alone this time, whatever the chat remembers; empty for all of those. `PICTURES` makes
            pictures of the question's words.
    """

    model: str
    beside: Sequence[str] = ()
    to: str = ""

    @property
    def ids(self) -> list[str]:
        return [self.to] if self.to else list(dict.fromkeys([self.model, *self.beside]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a question has changed.

    Attributes:
        answer, generation: The first that was begun.
        after: The message below which the shown branch is new; None when it is new from the start.
        attached: To the question, if that is new.
        has_siblings: The first of the new messages is one of several with the same parent.
        answerer: Who is to answer; None of a repeat.
        others: What was begun beside it.
        continued: The answer that the question goes on from, if it stood beside others until now: it is shown alone.
        is_repeat: The request was carried out before; nothing has changed now.
    """

    chat: Chat
    after: Message | None
    answer: Message
    generation: Generation
    attached: Attached = Attached()
    has_siblings: bool = False
    answerer: Answerer | None = None
    others: Sequence[Begun] = ()
    continued: Message | None = None
    is_repeat: bool = False

    @property
    def begun(self) -> list[Begun]:
        """All answers that are to be written."""
        first = Begun(generation=self.generation, answerer=self.answerer) if self.answerer else None
        return [first, *self.others] if first else []

    @property
    def new_messages(self) -> list[Message]:
        """The question, unless an old one is answered again, and the empty answer."""
        return self.messages_with(self.answer)

    @property
    def columns(self) -> list[Message]:
        return [begun.answer for begun in self.begun] if self.others else []

    def messages_with(self, answer: Message) -> list[Message]:
        question = answer.parent
        return [answer] if question is None or question == self.after else [question, answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An answer that is to be written, and by whom."""

    generation: Generation
    answerer: Answerer

    @property
    def answer(self) -> Message:
        return self.generation.message


def answerers_of(
    user: User, choice: Choice, wish: PictureWish | None, content: str, *, is_anew: bool = False
) -> list[Answerer]:
    if wish is not None:
        return [painter_of(drawing_for(user, wish, content, is_anew=is_anew))]
    return [answerer_of(user, chosen) for chosen in choice.ids]


def idle_chat(user: User, uuid: UUID | str) -> Chat:
    """Return a chat, locked, in which no answer is being written.

    Raises:
        AnswerRunning: One is; two answers in one branch would each lack the other.
    """
    chat = access.chat_write(user, uuid)
    running = active_generations(chat)
    if running.exists():
        generations.interrupt_abandoned(timezone.now() - conf.heartbeat_timeout(), among=running)
        if running.exists():
            raise AnswerRunning
    return chat


def ask(
    chat: Chat,
    question: Message,
    choice: Choice,
    answerers: Sequence[Answerer],
    *,
    after: Message | None,
    ref: str,
    attached: Attached = Attached(),  # noqa: B008  (frozen)
    has_siblings: bool = False,
    merged_from: Sequence[Message] = (),
) -> Asked:
    # A request has one ref, whatever the number of its answers: the first one bears it.
    first, *others = [
        _begin(chat, question, answerer, ref="" if number else ref, merged_from=merged_from)
        for number, answerer in enumerate(answerers)
    ]
    leaf = chat.current_message
    new = [] if question == after else [Text("message", question.pk, question.content)]
    stays_beside = chat.is_side_by_side and leaf is not None and leaf.parent_id == question.pk
    chat.current_message = first.answer
    # What is made of several is to take their place.
    chat.is_side_by_side = bool(others) or (stays_beside and not merged_from)
    chat.updated_at = timezone.now()
    # Who goes on with an archived chat wants it at hand again.
    chat.archived_at = None
    chat.model, chat.beside = choice.model, list(choice.beside)
    if chat.has_automatic_title and not chat.title:
        chat.title = first_words(question.content)
    changed = ["current_message", "is_side_by_side", "updated_at", "archived_at", "model", "beside", "title"]
    chat.save(update_fields=changed)
    index.index_texts(chat.owner_id, new if leaf else [*new, Text("title", chat.pk, chat.title)])
    return Asked(
        chat=chat,
        after=after,
        answer=first.answer,
        generation=first.generation,
        attached=attached,
        has_siblings=has_siblings,
        answerer=first.answerer,
        others=others,
    )


def _begin(
    chat: Chat, question: Message, answerer: Answerer, *, ref: str, merged_from: Sequence[Message] = ()
) -> Begun:
    answer = Message.objects.create(
        chat=chat,
        parent=question,
        role=Message.Role.ASSISTANT,
        model=answerer.model,
        preset_name=answerer.preset_name,
        answerer=answerer.id,
        merged_from=[{"message": str(draft.uuid), "name": draft.said_by} for draft in merged_from],
    )
    generation = Generation.objects.create(message=answer, asked_by=chat.owner, ref=ref)
    return Begun(generation=generation, answerer=answerer)


def once(user: User, ref: str, carry_out: Callable[[], Asked]) -> Asked:
    """Do what a page asks for; return what it has led to when that was done before.

    No query looks for that beforehand: a person's refs are unique in the database, so that also of two connections
    that bring the same request at once only one succeeds.
    """
    try:
        with transaction.atomic():
            return carry_out()
    except (ChatError, Http404, IntegrityError):
        # The answer that is in the way of this request may be its own.
        if before := asked_before(user, ref):
            return before
        raise


def asked_before(user: User, ref: str) -> Asked | None:
    """Return what a request has led to, if it was carried out.

    Raises Http404 when its chat has been deleted since.
    """
    if not ref:
        return None
    generation = Generation.objects.filter(asked_by=user, ref=ref).select_related("message__chat").first()
    if generation is None:
        return None
    chat = access.chat_read(user, generation.message.chat.uuid)
    return Asked(chat=chat, after=None, answer=generation.message, generation=generation, is_repeat=True)
