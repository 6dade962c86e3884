from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import pre_delete


class ChatsConfig(AppConfig):
    name = "webui.chats"
    label = "chats"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from rag import api as rag
        from webui.chats.models import Chat
        from webui.chats.services import folders, uploads
        from webui.documents.uploads import on_kept

        rag.on_exchange(uploads.exchange_document)
        rag.on_exchange(folders.exchange_document)
        on_kept(uploads.keep_upload)
        # Also of chats that go with the person who had them.
        pre_delete.connect(forget_deleted, sender=Chat, dispatch_uid="chats.forget_deleted")


def forget_deleted(instance: Any, **kwargs: object) -> None:
    from webui.chats.search import index

    index.forget_chat(instance)
