from __future__ import annotations

from django.apps import AppConfig


class AdministrationConfig(AppConfig):
    name = "webui.administration"
    label = "webui_admin"
    default_auto_field = "django.db.models.BigAutoField"
