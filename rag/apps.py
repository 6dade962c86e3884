from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import pre_delete


class RagConfig(AppConfig):
    name = "rag"
    label = "rag"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from rag.models import Document
        from rag.services.removals import leave_removal

        # A signal, because documents also go with their owner, whom this package does not know.
        pre_delete.connect(leave_removal, sender=Document, dispatch_uid="rag.leave_removal")
