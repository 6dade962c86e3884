from __future__ import annotations

from django.apps import AppConfig


class ChatsConfig(AppConfig):
    name = "webui.chats"
    label = "chats"
    default_auto_field = "django.db.models.BigAutoField"
