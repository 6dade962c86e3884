"""The end of chats: their rows go for good, and the files that came into them and are used nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

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
    for document in _files_of(chat):
        if not _is_used_elsewhere(document, chat):
            rag.delete_document(document)
    chat.delete()


def _files_of(chat: Chat) -> list[rag.Document]:
    """Return what was uploaded to be asked in the chat, and not what was chosen from the documents."""
    asked = Message.documents.through.objects.filter(message__chat=chat).values("document")
    uploads = Upload.objects.filter(Q(document__in=asked) | Q(temporary_chat=chat))
    return list(rag.Document.objects.filter(owner=chat.owner_id, pk__in=uploads.values("document")))


def _is_used_elsewhere(document: rag.Document, chat: Chat) -> bool:
    # Other people have it only from knowledge that it is in.
    asked = Message.documents.through.objects.filter(document=document, message__chat__owner=chat.owner_id)
    uses = (
        asked.exclude(message__chat=chat),
        Folder.documents.through.objects.filter(document=document),
        ModelPreset.documents.through.objects.filter(document=document),
        rag.Membership.objects.filter(document=document),
    )
    return any(use.exists() for use in uses)
