"""What is done to chats of a list, one or many at once, and what takes it back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from webui.accounts.models import User
from webui.chats import access
from webui.chats.conf import MAX_PINNED, MAX_TAGS_OF_CHAT
from webui.chats.errors import TooManyPinned, TooManyTagsOfChat
from webui.chats.models import Chat, Folder, Generation, Tag
from webui.chats.queries import pinned_chats
from webui.chats.services import folders, tags


class Deed(StrEnum):
    PIN = "pin"
    UNPIN = "unpin"
    ARCHIVE = "archive"
    RESTORE = "restore"
    """Out of the archive."""
    MOVE = "move"
    TAG = "tag"
    UNTAG = "untag"
    DELETE = "delete"
    UNDELETE = "undelete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A deed on some chats.

    Attributes:
        folder: Where they are moved; None for out of their folders.
        tag: The tag that is put on them or taken off; None where `name` says which.
        name: Of a folder or a tag, which is made where there is none. Empty for none.
    """

    deed: Deed
    chats: Sequence[UUID]
    folder: UUID | None = None
    tag: UUID | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a step has led to.

    Attributes:
        undo: The steps that take it back, in any order.
        stopped: Generations to stop.
    """

    chats: Sequence[Chat]
    undo: Sequence[Step] = ()
    stopped: Sequence[str] = ()


@transaction.atomic
def carry_out(user: User, step: Step) -> Outcome:
    """Do something to chats: to all of them, or to none.

    Raises:
        ChatError: A limit stands in the way.
        Http404: One of the chats, the folder or the tag is not there for this person.
    """
    return _DEEDS[step.deed](user, step)


def _pin(user: User, step: Step) -> Outcome:
    chats = access.chats_write(user, step.chats)
    changed = _update([chat for chat in chats if not chat.is_pinned], is_pinned=True)
    if pinned_chats(user).count() > MAX_PINNED:
        raise TooManyPinned(MAX_PINNED)
    return Outcome(chats=chats, undo=_back(Deed.UNPIN, changed))


def _unpin(user: User, step: Step) -> Outcome:
    chats = access.chats_write(user, step.chats)
    changed = _update([chat for chat in chats if chat.is_pinned], is_pinned=False)
    return Outcome(chats=chats, undo=_back(Deed.PIN, changed))


def _archive(user: User, step: Step) -> Outcome:
    chats = access.chats_write(user, step.chats)
    changed = _update([chat for chat in chats if chat.archived_at is None], archived_at=timezone.now())
    return Outcome(chats=chats, undo=_back(Deed.RESTORE, changed))


def _restore(user: User, step: Step) -> Outcome:
    chats = access.chats_write(user, step.chats)
    changed = _update([chat for chat in chats if chat.archived_at is not None], archived_at=None)
    return Outcome(chats=chats, undo=_back(Deed.ARCHIVE, changed))


def _delete(user: User, step: Step) -> Outcome:
    chats = access.chats_write(user, step.chats)
    running = Generation.objects.filter(message__chat__in=chats, state__in=Generation.ACTIVE_STATES)
    stopped = [str(uuid) for uuid in running.values_list("uuid", flat=True)]
    _update(chats, deleted_at=timezone.now())
    return Outcome(chats=chats, undo=_back(Deed.UNDELETE, chats), stopped=stopped)


def _undelete(user: User, step: Step) -> Outcome:
    chats = access.deleted_chats_write(user, step.chats)
    _update([chat for chat in chats if chat.folder and chat.folder.deleted_at], folder=None)
    _update(chats, deleted_at=None)
    return Outcome(chats=chats, undo=_back(Deed.DELETE, chats))


def _move(user: User, step: Step) -> Outcome:
    chats = access.chats_write(user, step.chats)
    folder = _folder(user, step)
    before: defaultdict[UUID | None, list[Chat]] = defaultdict(list)
    for chat in chats:
        if chat.folder != folder:
            before[chat.folder.uuid if chat.folder else None].append(chat)
    # Whatever folder they were in before: undo of its deletion does not take them away from here.
    _update([chat for moved in before.values() for chat in moved], folder=folder, left_folder=None)
    undo = [Step(deed=Deed.MOVE, chats=_uuids(moved), folder=place) for place, moved in before.items()]
    return Outcome(chats=chats, undo=undo)


def _folder(user: User, step: Step) -> Folder | None:
    if step.folder:
        return access.folder_write(user, step.folder)
    return folders.create_folder(user, step.name) if step.name else None


def _tag(user: User, step: Step) -> Outcome:
    chats = access.chats_write(user, step.chats)
    tag = access.tag_read(user, step.tag) if step.tag else tags.tags_named(user, [step.name])[0]
    having = set(Chat.objects.filter(pk__in=_keys(chats), tags=tag).values_list("pk", flat=True))
    changed = [chat for chat in chats if chat.pk not in having]
    tag.chats.add(*changed)
    if any(n > MAX_TAGS_OF_CHAT for n in _numbers_of_tags(changed)):
        raise TooManyTagsOfChat(MAX_TAGS_OF_CHAT)
    return Outcome(chats=chats, undo=_back(Deed.UNTAG, changed, tag))


def _numbers_of_tags(chats: Iterable[Chat]) -> Iterator[int]:
    numbers: defaultdict[int, int] = defaultdict(int)
    for chat_id in Chat.tags.through.objects.filter(chat__in=_keys(chats)).values_list("chat_id", flat=True):
        numbers[chat_id] += 1
    yield from numbers.values()


def _untag(user: User, step: Step) -> Outcome:
    chats = access.chats_write(user, step.chats)
    tag = access.tag_read(user, step.tag or "")
    changed = list(Chat.objects.filter(pk__in=_keys(chats), tags=tag))
    tag.chats.remove(*changed)
    return Outcome(chats=chats, undo=_back(Deed.TAG, changed, tag))


_DEEDS: Final[Mapping[Deed, Callable[[User, Step], Outcome]]] = {
    Deed.PIN: _pin,
    Deed.UNPIN: _unpin,
    Deed.ARCHIVE: _archive,
    Deed.RESTORE: _restore,
    Deed.MOVE: _move,
    Deed.TAG: _tag,
    Deed.UNTAG: _untag,
    Deed.DELETE: _delete,
    Deed.UNDELETE: _undelete,
}


def _update(chats: Sequence[Chat], **values: object) -> Sequence[Chat]:
    """Set the same values in chats, in the database and in these objects; one query."""
    if chats:
        Chat.objects.filter(pk__in=_keys(chats)).update(**values)
    for chat in chats:
        for name, value in values.items():
            setattr(chat, name, value)
    return chats


def _back(deed: Deed, chats: Sequence[Chat], tag: Tag | None = None) -> list[Step]:
    """Return the step that undoes, for those chats alone that were changed."""
    return [Step(deed=deed, chats=_uuids(chats), tag=tag.uuid if tag else None)] if chats else []


def _uuids(chats: Iterable[Chat]) -> list[UUID]:
    return [chat.uuid for chat in chats]


def _keys(chats: Iterable[Chat]) -> list[int]:
    return [chat.pk for chat in chats]
