"""Merging: one answer that a model makes of several to the same question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from webui.accounts.models import User
from webui.chats import access
from webui.chats.answerers import QUOTES, Answerer, model_label
from webui.chats.errors import ModelCannotMerge, NothingToMerge, WrongRole
from webui.chats.models import PICTURES, Message
from webui.chats.services.asking import Asked, Choice, answerers_of, ask, idle_chat, once

MIN_MERGED: Final = 2


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
        answerers = answerers_of(user, choice, None, "")
        chat = idle_chat(user, chat_uuid)
        drafts = access.messages_read(chat, answer_uuids)
        questions = {draft.parent for draft in drafts if draft.is_answer}
        question = questions.pop() if len(questions) == 1 else None
        if not all(draft.is_answer for draft in drafts) or question is None or question.role != Message.Role.USER:
            raise WrongRole if drafts else NothingToMerge
        spoken = [draft for draft in drafts if draft.content.strip() and not draft.is_picture]
        if len(spoken) < MIN_MERGED:
            raise NothingToMerge
        check_drafts(spoken, answerers)
        return ask(chat, question, choice, answerers, after=question, ref=ref, has_siblings=True, merged_from=spoken)

    return once(user, ref, merge)


def check_drafts(drafts: Sequence[Message], answerers: Sequence[Answerer]) -> None:
    if drafts and any(answerer.model == QUOTES or answerer.id == PICTURES for answerer in answerers):
        raise ModelCannotMerge(model_label(QUOTES))
