"""Files that come into a chat: they go with it, unless they are used anywhere else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

import rag.api as rag
from webui.chats.models import Chat, Message, Upload
from webui.chats.services.temporary import hold


@transaction.atomic
def note_upload(document: rag.Document, *, since: datetime, temporary_chat: Chat | None = None) -> None:
    """Let a document that is new since that moment go with the last chat that asks it.

    One that was among the documents already, under the same bytes, stays there.

    Raises:
        NotFound: The temporary chat has gone meanwhile.
    """
    hold(temporary_chat)
    if document.created_at >= since:
        Upload.objects.get_or_create(document=document, defaults={"temporary_chat": temporary_chat})


def keep_upload(document: rag.Document) -> None:
    """Let a document stay, whatever becomes of its chats: it was put among the documents too."""
    Upload.objects.filter(document=document).delete()


def exchange_document(old_id: int, new_id: int) -> None:
    """Attach the newer copy of a synced file wherever the older one is attached. What was cited keeps its words."""
    attached: Any = Message.documents.through.objects
    already = attached.filter(document_id=new_id).values("message_id")
    attached.filter(document_id=old_id).exclude(message_id__in=already).update(document_id=new_id)
