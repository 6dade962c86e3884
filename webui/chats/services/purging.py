"""The end of chats: their rows go for good, and the files that came into them and are used nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet

import rag.api as rag
from webui.accounts.models import User
from webui.chats import access
from webui.chats.conf import UNDO_WINDOW
from webui.chats.models import Chat, Folder, Message, Upload
from webui.presets.models import ModelPreset

# Removed at once, as many chats cost about as many statements as one.
_MOST_CHATS = 10
_MOST_MESSAGES = 200


def purge_chats(user: User, uuids: Iterable[UUID | str]) -> int:
    """Remove deleted chats for good, before their undo window is over; return how many."""
    with transaction.atomic():
        chats = access.deleted_chats_write(user, uuids)
    return _purge(Chat.objects.filter(pk__in=[chat.pk for chat in chats]))


def purge_deleted(now: datetime) -> int:
    """Remove for good the chats and folders whose undo window is over; return how many."""
    n_purged = _purge(Chat.objects.filter(deleted_at__lt=now - UNDO_WINDOW))
    for folder in Folder.objects.filter(deleted_at__lt=now - UNDO_WINDOW).only("id"):
        folder.delete()
        n_purged += 1
    return n_purged


def purge_chat(chat: Chat) -> None:
    """Remove a chat's rows, and its files with their text and vectors."""
    _purge_together(chat.owner_id, [chat.pk])


def _purge(chats: QuerySet[Chat]) -> int:
    n_purged = 0
    for owner_id, ids in _groups(chats):
        _purge_together(owner_id, ids)
        n_purged += len(ids)
    return n_purged


def _groups(chats: QuerySet[Chat]) -> Iterator[tuple[int, list[int]]]:
    """Yield chats of one person that are removed together: few enough that other writers hardly wait."""
    group: list[int] = []
    owner_id, n_messages = 0, 0
    sizes = chats.order_by("owner", "pk").annotate(n=Count("messages"))
    for pk, its_owner, n in list(sizes.values_list("pk", "owner", "n")):
        if group and (its_owner != owner_id or len(group) == _MOST_CHATS or n_messages + n > _MOST_MESSAGES):
            yield owner_id, group
            group, n_messages = [], 0
        group.append(pk)
        owner_id, n_messages = its_owner, n_messages + n
    if group:
        yield owner_id, group


def _purge_together(owner_id: int, ids: list[int]) -> None:
    # The files first: after a crash in between, the chats are still there to be purged again.
    asked = Message.with_removed.filter(chat__in=ids)
    purge_files(owner_id, asked, Upload.objects.filter(temporary_chat__in=ids))
    Chat.objects.filter(pk__in=ids).delete()


def purge_files(owner_id: int, messages: QuerySet[Message], unasked: QuerySet[Upload] | None = None) -> None:
    """Remove what was uploaded to be asked in messages that are about to go, and is used nowhere else.

    What was chosen from the documents stays.

    Args:
        unasked: Uploads that go without having been asked.
    """
    asked = Message.documents.through.objects.filter(message__in=messages).values("document")
    uploads = Upload.objects.filter(document__in=asked)
    if unasked is not None:
        uploads |= unasked
    for document in rag.Document.objects.filter(owner=owner_id, pk__in=uploads.values("document")):
        if not _is_used_elsewhere(document, owner_id, messages):
            rag.delete_document(document)


def _is_used_elsewhere(document: rag.Document, owner_id: int, messages: QuerySet[Message]) -> bool:
    # Other people have it only from knowledge that it is in.
    asked = Message.documents.through.objects.filter(document=document, message__chat__owner=owner_id)
    uses = (
        asked.exclude(message__in=messages),
        Folder.documents.through.objects.filter(document=document),
        ModelPreset.documents.through.objects.filter(document=document),
        rag.Membership.objects.filter(document=document),
    )
    return any(use.exists() for use in uses)
