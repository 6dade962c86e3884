"""Addresses of passages, for whoever shows a citation."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

WORDS_MAX_LENGTH = 40


def passage_page_url(uuid: UUID | str, *, page: int | None, start: int, end: int, text: str = "") -> str:
    """Return the address of the document's reader, at the page, with the passage marked and scrolled to.

    Args:
        text: Of a passage that was kept: by its first words it is found again when the document is read in another way.
    """
    return f"{reverse('documents:document', args=[uuid])}?{_place(page, start, end, text)}#passage"


def passage_url(uuid: UUID | str, *, page: int | None, start: int, end: int, text: str = "") -> str:
    """Return the address of the passage with what stands around it, a fragment for a side panel."""
    return f"{reverse('documents:passage', args=[uuid])}?{_place(page, start, end, text)}"


def _place(page: int | None, start: int, end: int, text: str) -> str:
    words = text[:WORDS_MAX_LENGTH] or None
    parts = (("page", page), ("start", start), ("end", end), ("words", words))
    return urlencode({name: value for name, value in parts if value is not None})
