"""What is kept of what a model says unasked: a title, tags, questions to go on with; never in place of a person's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db import transaction

from webui.accounts.models import User
from webui.chats.errors import ChatError
from webui.chats.models import Chat, Message, Tag
from webui.chats.search import index
from webui.chats.services.tags import add_tags, tags_named
from webui.chats.services.tasks import Task
from webui.chats.services.titles import first_words

N_TITLE_QUESTIONS: Final = 3
"""A title is tried after the first few answers; then the chat has the one that its first words made."""
N_KNOWN_TAGS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    title: bool = False
    follow_ups: bool = False
    tags: bool = False
    known_tags: list[str] = field(default_factory=list)


def wanted_after(task: Task) -> Wanted:
    """Return what the person wants to be asked after an answer; nothing for a chat that is gone or temporary."""
    chats = Chat.objects.select_related("owner").filter(deleted_at=None, temporary_until=None)
    chat = chats.filter(uuid=task.chat_uuid).first()
    if chat is None or not chat.owner.may_chat:
        return Wanted()
    owner = chat.owner
    questions = chat.messages.filter(role=Message.Role.USER).order_by("id").values_list("content", flat=True)
    first = list(questions[: N_TITLE_QUESTIONS + 1])
    is_young = len(first) <= N_TITLE_QUESTIONS
    is_named_by_words = chat.has_automatic_title and chat.title in {"", *map(first_words, first)}
    wants_tags = owner.wants_tags and is_young and not chat.tags.exists()
    return Wanted(
        title=owner.wants_titles and is_young and is_named_by_words,
        follow_ups=owner.wants_follow_ups and chat.current_message_id == task.message_id,
        tags=wants_tags,
        known_tags=_known_tags(owner) if wants_tags else [],
    )


def _known_tags(owner: User) -> list[str]:
    return list(Tag.objects.filter(owner=owner).order_by("-id").values_list("name", flat=True)[:N_KNOWN_TAGS])


def give_title(task: Task, title: str) -> bool:
    """Return whether the chat has it now: not if a person has named the chat, or deleted it."""
    untitled = Chat.objects.filter(uuid=task.chat_uuid, has_automatic_title=True, deleted_at=None)
    with transaction.atomic():
        is_given = bool(untitled.update(title=title))
        if is_given:
            index.index_title(Chat.objects.only("title", "owner_id").get(uuid=task.chat_uuid))
    return is_given


def keep_follow_ups(task: Task, questions: Sequence[str]) -> bool:
    return bool(Message.objects.filter(pk=task.message_id).update(follow_ups=list(questions)))


def tag_chat(task: Task, names: Sequence[str]) -> User | None:
    """Put tags on a chat that has none; return whose it is, None when nothing was changed."""
    try:
        with transaction.atomic():
            chats = Chat.objects.select_for_update(of=("self",)).select_related("owner")
            chat = chats.filter(uuid=task.chat_uuid, deleted_at=None).first()
            if not names or chat is None or chat.tags.exists():
                return None
            add_tags(chat, tags_named(chat.owner, names))
            return chat.owner
    except ChatError:
        # The person has as many tags as there may be.
        return None
