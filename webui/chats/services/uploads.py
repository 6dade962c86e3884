"""Files that come into a chat: they go with it, unless they are used anywhere else."""

from __future__ import annotations

import rag.api as rag
from webui.chats.models import Chat, Upload


def note_upload(document: rag.Document, temporary_chat: Chat | None = None) -> None:
    """Let a document go with the last chat that asks it."""
    Upload.objects.get_or_create(document=document, defaults={"temporary_chat": temporary_chat})
