from __future__ import annotations

from django.apps import AppConfig


class ImageryConfig(AppConfig):
    name = "webui.imagery"
    label = "imagery"
    default_auto_field = "django.db.models.BigAutoField"
