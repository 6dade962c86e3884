"""Questions: sending, editing and asking again.

Each is one transaction that writes the question (if any), the empty answer and its queued generation.
Each takes who is to answer (`Choice`): ids of models, or of presets that the person may use at that moment. With
several of them a question gets as many answers, siblings that are written at the same time and shown side by side.
Each takes the page's `ref` of the request: the same one again changes nothing and returns what it has led to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import rag.api as rag
from webui.accounts.models import User
from webui.chats import access, conf
from webui.chats.errors import MessageEmpty, MessageTooLong, WrongRole
from webui.chats.models import PICTURES, Chat, Message
from webui.chats.queries import drafts_of
from webui.chats.services import chats
from webui.chats.services.asking import Asked, Choice, answerers_of, ask, idle_chat, once
from webui.chats.services.images import attach_images
from webui.chats.services.merging import MIN_MERGED, check_drafts
from webui.chats.services.titles import first_words
from webui.chats.shown_branch import Attached, columns_beside
from webui.chats.wishes import PictureWish


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
        answerers = answerers_of(user, choice, wish, content)
        attached = Attached(
            access.documents_read(user, documents),
            access.knowledge_read(user, knowledge),
            access.images_read(user, images),
        )
        if chat_uuid is None:
            place = access.folder_write(user, folder) if folder else None
            chat = chats.create_chat(user, title=first_words(content), model=model, folder=place)
            question, attached = _store_question(chat, None, content, attached, wish)
            return ask(chat, question, choice, answerers, after=None, ref=ref, attached=attached)
        chat = idle_chat(user, chat_uuid)
        end = _continued_message(chat, to)
        question, attached = _store_question(chat, end, content, attached, wish)
        # It stood among others, and the branch may have gone on below it before.
        continued = end if chat.is_side_by_side else None
        asked = ask(
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

    return once(user, ref, send)


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
        answerers = answerers_of(user, choice, wish, content)
        # What was deleted since is gone from the relation as well, what may not be read any more is left behind.
        documents = rag.readable_documents(user).filter(pk__in=old.documents.all())
        knowledge = rag.readable_knowledge(user).filter(pk__in=old.knowledge.all())
        attached = Attached(list(documents), list(knowledge), list(old.images.filter(owner=user)))
        question, attached = _store_question(chat, old.parent, content, attached, wish)
        return ask(chat, question, choice, answerers, after=old.parent, ref=ref, attached=attached, has_siblings=True)

    return once(user, ref, edit)


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
        answerers = answerers_of(user, choice, wish, old.parent.content, is_anew=True)
        drafts = [draft for draft in drafts_of(old) if draft.content.strip()] if old.merged_from else []
        if len(drafts) < MIN_MERGED:
            drafts = []
        check_drafts(drafts, answerers)
        return ask(
            chat, old.parent, choice, answerers, after=old.parent, ref=ref, has_siblings=True, merged_from=drafts
        )

    return once(user, ref, regenerate)


def _wish_of(question: Message) -> PictureWish:
    """Return what its pictures were to be like; one that none were asked for has no wishes."""
    return PictureWish.read(question.picture_wish or {})


def _check_content(content: str) -> None:
    if not content.strip():
        raise MessageEmpty
    limit = conf.message_max_chars()
    if len(content) > limit:
        raise MessageTooLong(len(content), limit)


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
