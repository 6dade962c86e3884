from __future__ import annotations

from django.apps import AppConfig


class PresetsConfig(AppConfig):
    name = "webui.presets"
    label = "presets"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from rag import api as rag
        from webui.presets.services import exchange_document

        rag.on_exchange(exchange_document)
