"""Questions: sending, editing and asking again.

Each is one transaction that writes the question (if any), the empty answer and its queued generation.
Checks that the upstream has to be asked for, such as whether a model exists, come before.
Each takes who is to answer (`Choice`): ids of models, or of presets that the person may use at that moment. With
several of them a question gets as many answers, siblings that are written at the same time and shown side by side.
Each takes the page's `ref` of the request: the same one again changes nothing and returns what it has led to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone

import rag.api as rag
from webui.accounts.models import User
from webui.chats import access, conf
from webui.chats.answerers import QUOTES, Answerer, answerer_of, model_label, painter_of
from webui.chats.errors import (
    AnswerRunning,
    ChatError,
    MessageEmpty,
    MessageTooLong,
    ModelCannotMerge,
    NothingToMerge,
    WrongRole,
)
from webui.chats.models import PICTURES, Chat, Generation, Message
from webui.chats.queries import active_generations, drafts_of
from webui.chats.search import index
from webui.chats.search.index import Text
from webui.chats.services import chats, generations
from webui.chats.services.images import attach_images
from webui.chats.services.titles import first_words
from webui.chats.shown_branch import Attached, columns_beside
from webui.chats.wishes import PictureWish, drawing_for

MIN_MERGED: Final = 2


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


def send_message(
    user: User,
    *,
    content: str,
    model: str,
    beside: Sequence[str] = (),
    to: str = "",
    chat_uuid: UUID | str | None = None,
    documents: Sequence[UUID | str] = (),
    knowledge: Sequence[UUID | str] = (),
    images: Sequence[UUID | str] = (),
    picture: PictureWish | None = None,
    folder: UUID | str | None = None,
    ref: str = "",
) -> Asked:
    """Add a question at the end of the shown branch, or in a new chat.

    Args:
        model, beside, to: See `Choice`.
        picture: What it is to be like, where it is pictures that are asked for.
        folder: Where a new chat is begun; None for no folder.
    """
    choice = Choice(model=model, beside=beside, to=to)

    def send() -> Asked:
        _check_content(content)
        wish = (picture or PictureWish()) if to == PICTURES else None
        answerers = _answerers_of(user, choice, wish, content)
        attached = Attached(
            access.documents_read(user, documents),
            access.knowledge_read(user, knowledge),
            access.images_read(user, images),
        )
        if chat_uuid is None:
            place = access.folder_write(user, folder) if folder else None
            chat = chats.create_chat(user, title=first_words(content), model=model, folder=place)
            question, attached = _store_question(chat, None, content, attached, wish)
            return _ask(chat, question, choice, answerers, after=None, ref=ref, attached=attached)
        chat = idle_chat(user, chat_uuid)
        end = _continued_message(chat, to)
        question, attached = _store_question(chat, end, content, attached, wish)
        # It stood among others, and the branch may have gone on below it before.
        continued = end if chat.is_side_by_side else None
        asked = _ask(
            chat,
            question,
            choice,
            answerers,
            after=continued.parent if continued else end,
            ref=ref,
            attached=attached,
            has_siblings=continued is not None,
        )
        return replace(asked, continued=continued)

    return _once(user, ref, send)


def edit_message(
    user: User,
    *,
    chat_uuid: UUID | str,
    message_uuid: UUID | str,
    content: str,
    model: str,
    beside: Sequence[str] = (),
    to: str = "",
    ref: str = "",
) -> Asked:
    """Ask a question again with another text: a sibling, the old branch stays."""
    choice = Choice(model=model, beside=beside, to=to)

    def edit() -> Asked:
        _check_content(content)
        chat = idle_chat(user, chat_uuid)
        old = access.message_read(chat, message_uuid)
        if old.role != Message.Role.USER:
            raise WrongRole
        wish = _wish_of(old) if to == PICTURES else None
        answerers = _answerers_of(user, choice, wish, content)
        # What was deleted since is gone from the relation as well, what may not be read any more is left behind.
        documents = rag.readable_documents(user).filter(pk__in=old.documents.all())
        knowledge = rag.readable_knowledge(user).filter(pk__in=old.knowledge.all())
        attached = Attached(list(documents), list(knowledge), list(old.images.filter(owner=user)))
        question, attached = _store_question(chat, old.parent, content, attached, wish)
        return _ask(chat, question, choice, answerers, after=old.parent, ref=ref, attached=attached, has_siblings=True)

    return _once(user, ref, edit)


def regenerate_answer(
    user: User,
    *,
    chat_uuid: UUID | str,
    message_uuid: UUID | str,
    model: str,
    beside: Sequence[str] = (),
    to: str = "",
    ref: str = "",
) -> Asked:
    """Ask for another answer to the same question: a sibling of the answer, beside which it is shown if that is so.

    One that was made of others is made of them again, if two of them at least are there.
    """
    choice = Choice(model=model, beside=beside, to=to)

    def regenerate() -> Asked:
        chat = idle_chat(user, chat_uuid)
        old = access.message_read(chat, message_uuid)
        # Where the question was deleted alone, there is nothing to answer.
        if old.role != Message.Role.ASSISTANT or old.parent is None or old.parent.role != Message.Role.USER:
            raise WrongRole
        wish = _wish_of(old.parent) if to == PICTURES else None
        answerers = _answerers_of(user, choice, wish, old.parent.content, is_anew=True)
        drafts = [draft for draft in drafts_of(old) if draft.content.strip()] if old.merged_from else []
        if len(drafts) < MIN_MERGED:
            drafts = []
        _check_drafts(drafts, answerers)
        return _ask(
            chat, old.parent, choice, answerers, after=old.parent, ref=ref, has_siblings=True, merged_from=drafts
        )

    return _once(user, ref, regenerate)


def merge_answers(
    user: User,
    *,
    chat_uuid: UUID | str,
    answer_uuids: Sequence[UUID | str],
    model: str,
    beside: Sequence[str] = (),
    to: str = "",
    ref: str = "",
) -> Asked:
    """Ask for one answer made of several to the same question: a sibling of them, shown alone.

    Raises:
        NothingToMerge: There are not two of them.
        WrongRole: They are not all answers to one question.
        ModelCannotMerge: It has no words of its own.
    """
    choice = Choice(model=model, beside=beside, to=to)

    def merge() -> Asked:
        answerers = _answerers_of(user, choice, None, "")
        chat = idle_chat(user, chat_uuid)
        drafts = access.messages_read(chat, answer_uuids)
        questions = {draft.parent for draft in drafts if draft.is_answer}
        question = questions.pop() if len(questions) == 1 else None
        if not all(draft.is_answer for draft in drafts) or question is None or question.role != Message.Role.USER:
            raise WrongRole if drafts else NothingToMerge
        spoken = [draft for draft in drafts if draft.content.strip() and not draft.is_picture]
        if len(spoken) < MIN_MERGED:
            raise NothingToMerge
        _check_drafts(spoken, answerers)
        return _ask(chat, question, choice, answerers, after=question, ref=ref, has_siblings=True, merged_from=spoken)

    return _once(user, ref, merge)


def _check_drafts(drafts: Sequence[Message], answerers: Sequence[Answerer]) -> None:
    if drafts and any(answerer.model == QUOTES or answerer.id == PICTURES for answerer in answerers):
        raise ModelCannotMerge(model_label(QUOTES))


def _answerers_of(
    user: User, choice: Choice, wish: PictureWish | None, content: str, *, is_anew: bool = False
) -> list[Answerer]:
    if wish is not None:
        return [painter_of(drawing_for(user, wish, content, is_anew=is_anew))]
    return [answerer_of(user, chosen) for chosen in choice.ids]


def _wish_of(question: Message) -> PictureWish:
    """Return what its pictures were to be like; one that none were asked for has no wishes."""
    return PictureWish.read(question.picture_wish or {})


def _once(user: User, ref: str, carry_out: Callable[[], Asked]) -> Asked:
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


def _check_content(content: str) -> None:
    if not content.strip():
        raise MessageEmpty
    limit = conf.message_max_chars()
    if len(content) > limit:
        raise MessageTooLong(len(content), limit)


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


def _continued_message(chat: Chat, to: str) -> Message | None:
    """Return the message below which the chat goes on. Of answers side by side, of which nobody has chosen one:

    that of the one who is asked alone, else the one shown first, unless it has nothing to say and another has.
    """
    leaf = chat.current_message
    if leaf is None or not chat.is_side_by_side:
        return leaf
    columns = columns_beside(leaf) or [leaf]
    own = [column for column in columns if to and column.answerer == to]
    spoken = [column for column in [leaf, *columns] if column.content]
    return next(iter([*own, *spoken, leaf]))


def _store_question(
    chat: Chat, parent: Message | None, content: str, attached: Attached, wish: PictureWish | None
) -> tuple[Message, Attached]:
    """Return the question with what it has now; of pictures that are another question's it has copies."""
    question = Message.objects.create(
        chat=chat,
        parent=parent,
        role=Message.Role.USER,
        content=content,
        picture_wish=wish.as_json() if wish else None,
    )
    if attached.documents:
        question.documents.add(*attached.documents)
    if attached.knowledge:
        question.knowledge.add(*attached.knowledge)
    return question, replace(attached, images=attach_images(question, attached.images))


def _ask(
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


def exchange_document(old_id: int, new_id: int) -> None:
    """Attach the newer copy of a synced file wherever the older one is attached. What was cited keeps its words."""
    attached: Any = Message.documents.through.objects
    already = attached.filter(document_id=new_id).values("message_id")
    attached.filter(document_id=old_id).exclude(message_id__in=already).update(document_id=new_id)
