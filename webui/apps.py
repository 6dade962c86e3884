from __future__ import annotations

from django.apps import AppConfig


class WebuiConfig(AppConfig):
    name = "webui"
    label = "webui"
    default_auto_field = "django.db.models.BigAutoField"
