"""Addresses of passages, for whoever shows a citation."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse


def passage_page_url(uuid: UUID, *, page: int | None, start: int, end: int) -> str:
    """Return the address of the document's reader, at the page, with the passage marked and scrolled to."""
    return f"{reverse('documents:document', args=[uuid])}?{_place(page, start, end)}#passage"


def passage_url(uuid: UUID, *, page: int | None, start: int, end: int) -> str:
    """Return the address of the passage with what stands around it, a fragment for a side panel."""
    return f"{reverse('documents:passage', args=[uuid])}?{_place(page, start, end)}"


def _place(page: int | None, start: int, end: int) -> str:
    return urlencode(
        {name: value for name, value in (("page", page), ("start", start), ("end", end)) if value is not None}
    )
