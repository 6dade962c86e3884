from __future__ import annotations

from django.apps import AppConfig


class ChatsConfig(AppConfig):
    name = "webui.chats"
    label = "chats"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from rag import api as rag
        from webui.chats.services import folders, messages

        rag.on_exchange(messages.exchange_document)
        rag.on_exchange(folders.exchange_document)
