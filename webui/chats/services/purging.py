"""The end of chats: their rows go for good, and the files that came into them and are used nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

import rag.api as rag
from webui.accounts.models import User
from webui.chats import access
from webui.chats.conf import UNDO_WINDOW
from webui.chats.models import Chat, Folder, Message, Upload
from webui.presets.models import ModelPreset


def purge_chats(user: User, uuids: Iterable[UUID | str]) -> int:
    """Remove deleted chats for good, before their undo window is over; return how many."""
    with transaction.atomic():
        chats = access.deleted_chats_write(user, uuids)
    for chat in chats:
        purge_chat(chat)
    return len(chats)


def purge_deleted(now: datetime) -> int:
    """Remove for good the chats and folders whose undo window is over; return how many."""
    n_purged = 0
    # One at a time: a long chat must not keep other writers waiting.
    for chat in Chat.objects.filter(deleted_at__lt=now - UNDO_WINDOW).only("id", "owner_id"):
        purge_chat(chat)
        n_purged += 1
    for folder in Folder.objects.filter(deleted_at__lt=now - UNDO_WINDOW).only("id"):
        folder.delete()
        n_purged += 1
    return n_purged


def purge_chat(chat: Chat) -> None:
    """Remove a chat's rows, and its files with their text and vectors."""
    # The files first: after a crash in between, the chat is still there to be purged again.
    purge_files(chat, Message.with_removed.filter(chat=chat), Upload.objects.filter(temporary_chat=chat))
    chat.delete()


def purge_files(chat: Chat, messages: QuerySet[Message], unasked: QuerySet[Upload] | None = None) -> None:
    """Remove what was uploaded to be asked in messages that are about to go, and is used nowhere else.

    What was chosen from the documents stays.

    Args:
        unasked: Uploads that go without having been asked.
    """
    asked = Message.documents.through.objects.filter(message__in=messages).values("document")
    uploads = Upload.objects.filter(document__in=asked)
    if unasked is not None:
        uploads |= unasked
    for document in rag.Document.objects.filter(owner=chat.owner_id, pk__in=uploads.values("document")):
        if not _is_used_elsewhere(document, chat.owner_id, messages):
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
