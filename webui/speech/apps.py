from __future__ import annotations

from django.apps import AppConfig


class SpeechConfig(AppConfig):
    name = "webui.speech"
    label = "speech"
    default_auto_field = "django.db.models.BigAutoField"
