"""What the socket asks of the database: one synchronous function per step, each a single call from async code."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone, translation

from webui.accounts.models import User
from webui.chats import access, queries
from webui.chats.briefings import briefings_of
from webui.chats.chat_options import levels_in
from webui.chats.models import Chat, Generation, Message
from webui.chats.relay.protocol import (
    AnswerRequested,
    BranchChanged,
    ChatMovedUp,
    FolderChanged,
    GenerationEnded,
    MergeRequested,
    MessageEdited,
    MessageSent,
    SidebarChanged,
)
from webui.chats.services import asking, generations, merging, messages
from webui.chats.services.asking import Asked, Begun
from webui.chats.services.tasks import Task, picture_task, task_of
from webui.chats.shown_branch import (
    Branch,
    joined,
    last_message,
    new_messages,
    newest_messages,
    one_message,
    side_by_side,
)
from webui.chats.views.fragments import render_message, render_messages
from webui.chats.views.heads import chat_title, chat_url
from webui.chats.views.sidebar import group_label, render_row, render_sidebar, render_sidebar_folder
from webui.chats.wishes import PictureWish
from webui.presets.levels import sampling_at

LAST_SEQ: Final = 2**53 - 1
"""Comes after whatever a process told before it died; the largest number that a page can count to."""
JUST_ENDED = timedelta(minutes=1)
"""A page that was loaded while an answer ran may open its socket when the answer has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A stored question whose answers are to be begun.

    Attributes:
        tasks: What each of its answers has to do; none when they were begun before.
        after: The message below which the shown branch is new; None when it is new from the start.
        new: The part of the branch that is new.
    """

    tasks: Sequence[Task]
    chat: Chat
    after: Message | None
    new: Branch

    @property
    def task(self) -> Task | None:
        return self.tasks[0] if self.tasks else None

    @property
    def chat_uuid(self) -> str:
        return str(self.chat.uuid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a question changes: on pages with its chat, and in the lists of chats on all pages of the person, if any."""

    branch: BranchChanged
    sidebar: ChatMovedUp | FolderChanged | SidebarChanged | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedChat:
    """What a page that shows a chat has to know.

    Attributes:
        last: The message at the end of the shown branch; None when the chat is empty.
        active: Generations of the chat that run, here or in another process.
        ended: For generations that the page may still show as running; `seq` is one more than it has seen.
    """

    last: str | None
    active: set[str]
    ended: list[GenerationEnded]


def send(user: User, event: MessageSent) -> Question:
    return _started(
        messages.send_message(
            user,
            content=event["content"],
            model=event["model"],
            beside=event.get("beside", ()),
            to=event.get("to", ""),
            chat_uuid=event.get("chat"),
            folder=event.get("folder"),
            documents=event.get("documents", ()),
            knowledge=event.get("knowledge", ()),
            images=event.get("images", ()),
            picture=PictureWish.read(event["picture"]) if "picture" in event else None,
            ref=event["ref"],
        )
    )


def edit(user: User, event: MessageEdited) -> Question:
    return _started(
        messages.edit_message(
            user,
            chat_uuid=event["chat"],
            message_uuid=event["message"],
            content=event["content"],
            model=event["model"],
            beside=event.get("beside", ()),
            to=event.get("to", ""),
            ref=event["ref"],
        )
    )


def regenerate(user: User, event: AnswerRequested) -> Question:
    return _started(
        messages.regenerate_answer(
            user,
            chat_uuid=event["chat"],
            message_uuid=event["message"],
            model=event["model"],
            beside=event.get("beside", ()),
            to=event.get("to", ""),
            ref=event["ref"],
        )
    )


def merge(user: User, event: MergeRequested) -> Question:
    return _started(
        merging.merge_answers(
            user,
            chat_uuid=event["chat"],
            answer_uuids=event["answers"],
            model=event["model"],
            beside=event.get("beside", ()),
            to=event.get("to", ""),
            ref=event["ref"],
        )
    )


def _started(asked: Asked) -> Question:
    if asked.is_repeat:
        return Question(tasks=[], chat=asked.chat, after=None, new=newest_messages(asked.chat))
    new = new_messages(asked.new_messages, asked.attached, have_siblings=asked.has_siblings, columns=asked.columns)
    tasks = [
        _task_of(begun, replace(new, messages=asked.messages_with(begun.answer), columns=())) for begun in asked.begun
    ]
    if asked.continued:
        new = joined(one_message(asked.continued), new)
    elif asked.chat.is_side_by_side and asked.answer.parent == asked.after:
        new = side_by_side(asked.answer)
    return Question(tasks=tasks, chat=asked.chat, after=asked.after, new=new)


def _task_of(begun: Begun, shown: Branch) -> Task:
    if drawing := begun.answerer.drawing:
        return picture_task(begun.generation, shown, drawing)
    preset = begun.answerer.preset
    levels = levels_in(begun.answer.chat, begun.answer.model, preset)
    briefings = briefings_of(begun.answer.chat, preset, levels)
    return task_of(begun.generation, shown, briefings, sampling_at(levels))


def change_of(question: Question) -> Change:
    chat = question.chat
    branch = BranchChanged(
        type="branch.changed",
        chat=question.chat_uuid,
        url=chat_url(chat),
        after=str(question.after.uuid) if question.after else None,
        html=render_messages(chat, question.new),
    )
    if chat.is_temporary:
        return Change(branch=branch, sidebar=None)
    return Change(branch=branch, sidebar=_moved_up(chat) if question.tasks else sidebar_changed(chat.owner))


def _moved_up(chat: Chat) -> ChatMovedUp | FolderChanged:
    if chat.folder is not None and not chat.is_pinned:
        folder = str(chat.folder.uuid)
        html = render_sidebar_folder(chat.owner, folder)
        return FolderChanged(
            type="folder.changed", chat=str(chat.uuid), title=chat_title(chat), folder=folder, html=html
        )
    return ChatMovedUp(
        type="chat.moved_up",
        chat=str(chat.uuid),
        label=group_label(chat.updated_at),
        pinned=chat.is_pinned,
        html=render_row(chat),
    )


def was_asked(user: User, ref: str) -> bool:
    """Whether a request was carried out before."""
    return asking.asked_before(user, ref) is not None


def sidebar_changed(user: User) -> SidebarChanged:
    return SidebarChanged(type="sidebar.changed", html=render_sidebar(user))


def may_stop(user: User, chat: str, generation: str) -> None:
    """Raises Http404 when the generation is none of this person's chat."""
    access.generation_write(user, chat, generation)


def open_chat(user: User, uuid: str, seen: dict[str, int]) -> OpenedChat:
    chat = access.chat_read(user, uuid)
    active = {str(uuid) for uuid in queries.active_generations(chat).values_list("uuid", flat=True)}
    since = timezone.now() - JUST_ENDED
    just_ended = chat.messages.filter(generation__finished_at__gt=since).values_list("generation__uuid", flat=True)
    last = last_message(chat)
    return OpenedChat(
        last=str(last) if last else None, active=active, ended=_ended(chat, {*seen, *map(str, just_ended)}, seen)
    )


def ended_generations(user: User, uuid: str, wanted: Collection[str], seen: dict[str, int]) -> list[GenerationEnded]:
    """Return the ends of some generations of a chat, for those that have ended."""
    return _ended(access.chat_read(user, uuid), wanted, seen)


def interrupt_abandoned(silent_since: datetime) -> list[GenerationEnded]:
    """Mark the generations that no process has renewed since then; return the ends of those that this call marked."""
    silent = Generation.objects.filter(state__in=Generation.ACTIVE_STATES, heartbeat_at__lt=silent_since)
    ends = []
    for generation in silent.select_related("message__chat__owner"):
        # Of several processes that look at the same time, one marks the row and tells of it.
        if not generations.interrupt_abandoned(silent_since, among=Generation.objects.filter(pk=generation.pk)):
            continue
        generation.refresh_from_db(fields=["state"])
        chat = generation.message.chat
        with translation.override(chat.owner.language or None):
            ends.append(_end_of(chat, generation, LAST_SEQ))
    return ends


def _ended(chat: Chat, wanted: Collection[str], seen: dict[str, int]) -> list[GenerationEnded]:
    ended = (
        Generation.objects.filter(message__chat=chat, uuid__in=[UUID(uuid) for uuid in wanted])
        .exclude(state__in=Generation.ACTIVE_STATES)
        .select_related("message")
    )
    return [_end_of(chat, generation, seen.get(str(generation.uuid), 0) + 1) for generation in ended]


def _end_of(chat: Chat, generation: Generation, seq: int) -> GenerationEnded:
    return GenerationEnded(
        type="generation.ended",
        chat=str(chat.uuid),
        generation=str(generation.uuid),
        message=str(generation.message.uuid),
        seq=seq,
        state=generation.state,  # type: ignore[typeddict-item]  # not active, so one of the ends
        html=render_message(generation.message),
    )
