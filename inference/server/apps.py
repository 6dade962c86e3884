from __future__ import annotations

from django.apps import AppConfig


class ModelServerConfig(AppConfig):
    """The inference package as the model server sees it: its commands, but none of its database models."""

    name = "inference"
    label = "model_server"

    def import_models(self) -> None:
        self.models = {}
