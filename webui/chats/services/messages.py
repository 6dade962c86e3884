"""Questions: sending, editing and asking again.

Each is one transaction that writes the question (if any), the empty answer and its queued generation.
Checks that the upstream has to be asked for, such as whether a model exists, come before.
Each takes the page's `ref` of the request: the same one again changes nothing and returns what it has led to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from webui.accounts.models import User
from webui.chats import access, conf
from webui.chats.errors import AnswerRunning, MessageEmpty, MessageTooLong, WrongRole
from webui.chats.models import Chat, Generation, Message
from webui.chats.queries import active_generations, visible_chats
from webui.chats.services import chats, generations
from webui.chats.services.titles import first_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a question has changed.

    Attributes:
        after: The message below which the shown branch is new; None when it is new from the start.
        is_new_chat: The chat was created for this question.
        moves_up: The chat has a new place in the sidebar.
        is_repeat: The request was carried out before; nothing has changed now.
    """

    chat: Chat
    after: Message | None
    answer: Message
    generation: Generation
    is_new_chat: bool = False
    moves_up: bool = True
    is_repeat: bool = False


def asked_before(user: User, ref: str) -> Asked | None:
    """Return what a request has led to, if it was carried out.

    Raises Http404 when its chat has been deleted since.
    """
    same = Generation.objects.filter(asked_by=user, ref=ref)
    if not ref or not same.exists():
        return None
    generation = same.select_related("message__chat").get()
    chat = access.chat_read(user, generation.message.chat.uuid)
    return Asked(chat=chat, after=None, answer=generation.message, generation=generation, is_repeat=True)


def _asked_before(user: User, ref: str) -> Asked | None:
    """As `asked_before`, in a transaction: the same request on a second connection waits until this one is over."""
    # SQLite has no row locks and needs none: a transaction there waits for the one before it.
    if connection.features.has_select_for_update:
        User.objects.select_for_update(no_key=True).filter(pk=user.pk).first()
    return asked_before(user, ref)


@transaction.atomic
def send_message(
    user: User,
    *,
    content: str,
    model: str,
    chat_uuid: UUID | str | None = None,
    documents: Sequence[UUID | str] = (),
    ref: str = "",
) -> Asked:
    """Add a question at the end of the shown branch, or in a new chat."""
    if before := _asked_before(user, ref):
        return before
    _check_content(content)
    attached = access.documents_read(user, documents)
    if chat_uuid is None:
        chat = chats.create_chat(user, title=first_words(content), model=model)
        parent = None
    else:
        chat = _idle_chat(user, chat_uuid)
        parent = chat.current_message
    question = Message.objects.create(chat=chat, parent=parent, role=Message.Role.USER, content=content)
    question.documents.add(*attached)
    return _ask(chat, question, model, after=parent, ref=ref, is_new_chat=chat_uuid is None)


@transaction.atomic
def edit_message(
    user: User, *, chat_uuid: UUID | str, message_uuid: UUID | str, content: str, model: str, ref: str = ""
) -> Asked:
    """Ask a question again with another text: a sibling, the old branch stays."""
    if before := _asked_before(user, ref):
        return before
    _check_content(content)
    chat = _idle_chat(user, chat_uuid)
    old = access.message_read(chat, message_uuid)
    if old.role != Message.Role.USER:
        raise WrongRole
    question = Message.objects.create(chat=chat, parent=old.parent, role=Message.Role.USER, content=content)
    # Documents that the person has deleted since are gone from the relation as well.
    question.documents.add(*old.documents.all())
    return _ask(chat, question, model, after=old.parent, ref=ref)


@transaction.atomic
def regenerate_answer(
    user: User, *, chat_uuid: UUID | str, message_uuid: UUID | str, model: str, ref: str = ""
) -> Asked:
    """Ask for another answer to the same question: a sibling of the answer."""
    if before := _asked_before(user, ref):
        return before
    chat = _idle_chat(user, chat_uuid)
    old = access.message_read(chat, message_uuid)
    if old.role != Message.Role.ASSISTANT or old.parent is None:
        raise WrongRole
    return _ask(chat, old.parent, model, after=old.parent, ref=ref)


def _check_content(content: str) -> None:
    if not content.strip():
        raise MessageEmpty
    limit = conf.message_max_chars()
    if len(content) > limit:
        raise MessageTooLong(len(content), limit)


def _idle_chat(user: User, uuid: UUID | str) -> Chat:
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


def _ask(
    chat: Chat, question: Message, model: str, *, after: Message | None, ref: str, is_new_chat: bool = False
) -> Asked:
    newest = None if is_new_chat else visible_chats(chat.owner).values_list("pk", flat=True).first()
    answer = Message.objects.create(chat=chat, parent=question, role=Message.Role.ASSISTANT, model=model)
    generation = Generation.objects.create(message=answer, asked_by=chat.owner, ref=ref)
    chat.current_message = answer
    chat.updated_at = timezone.now()
    chat.model = model
    if chat.has_automatic_title and not chat.title:
        chat.title = first_words(question.content)
    chat.save(update_fields=["current_message", "updated_at", "model", "title"])
    return Asked(
        chat=chat,
        after=after,
        answer=answer,
        generation=generation,
        is_new_chat=is_new_chat,
        moves_up=newest != chat.pk,
    )
