"""Whether a document is still to be worked on, asked with each step's own change."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from rag.models import Document


class DocumentGone(Exception):
    """The document was deleted, or its ingestion stopped, while it was being worked on."""


def check_there(document: Document) -> None:
    """Raise DocumentGone for a document that was deleted."""
    if not Document.objects.filter(pk=document.pk).exists():
        raise DocumentGone


def change_in_work(document: Document, **changes: Any) -> None:
    """Change a document's row, or raise DocumentGone."""
    in_work = Document.objects.filter(pk=document.pk, state__in=Document.UNFINISHED_STATES)
    if not in_work.update(updated_at=timezone.now(), **changes):
        raise DocumentGone
