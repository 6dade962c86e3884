"""Web pages as documents: fetched once, kept with their address and the time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile, File
from django.utils import timezone

from rag import conf, fetching
from rag.errors import PageNotFetched, UploadTooLarge
from rag.extraction import detect
from rag.fetching import FetchedPage
from rag.models import Document
from rag.services.documents import Beside, create_page_document, nothing
from rag.types import HTML, FetchProblem

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

MAX_BYTES = 20 * 1024 * 1024
# What was fetched just now is not fetched again for a second Enter.
FRESH_FOR = timedelta(minutes=2)
MAX_AT_ONCE = 8

_running = threading.BoundedSemaphore(MAX_AT_ONCE)


def page_address(address: str) -> str:
    """Return the form in which an address is kept. Raises PageNotFetched."""
    return str(fetching.checked_url(address, conf.nearby_hosts()))


def fetch_page(
    owner: AbstractBaseUser, address: str, *, again: bool = False, together_with: Beside = nothing
) -> Document:
    """Fetch an address and queue what it leads to; what was fetched a moment ago comes back as it is.

    Takes up to half a minute and holds no transaction meanwhile.

    Args:
        together_with: As of `create_document`.

    Raises:
        PageNotFetched, UploadRefused: Nothing is stored.
    """
    url = page_address(address)
    since = timezone.now() - FRESH_FOR
    recent = Document.objects.filter(owner_id=owner.pk, source_url=url, fetched_at__gt=since).exclude(
        state=Document.State.FAILED
    )
    if not again and (document := recent.order_by("-fetched_at").first()):
        together_with(document)
        return document
    with _one_of_few():
        page = _fetch(url)
    content = ContentFile(page.content, name=_name(page))
    return create_page_document(owner, content, page, asked_url=url, together_with=together_with)


def keep_page(
    owner: AbstractBaseUser,
    content: File[bytes],
    url: str,
    *,
    together_with: Beside = nothing,
) -> Document:
    """Keep a page as it was fetched before, from an export that holds it; asks nobody for it.

    Raises:
        PageNotFetched, UploadRefused: Nothing is stored.
    """
    if (content.size or 0) > MAX_BYTES:
        raise UploadTooLarge(content.size or 0, MAX_BYTES)
    found = content.read()
    is_html = detect.media_type(found[: detect.SAMPLE_BYTES], content.name or "") == HTML
    page = FetchedPage(url=url, content=found, is_html=is_html, title="")
    content.seek(0)
    return create_page_document(owner, content, page, asked_url=page_address(url), together_with=together_with)


@async_to_sync
async def _fetch(url: str) -> FetchedPage:
    limit = min(MAX_BYTES, conf.max_upload_bytes())
    return await fetching.fetch(url, max_bytes=limit, nearby=conf.nearby_hosts())


@contextmanager
def _one_of_few() -> Iterator[None]:
    if not _running.acquire(blocking=False):
        raise PageNotFetched(FetchProblem.BUSY)
    try:
        yield
    finally:
        _running.release()


def _name(page: FetchedPage) -> str:
    """A page is called by its title, else by its address; a slash would be that of a folder."""
    name = page.title or page.url.partition("://")[2].rstrip("/")
    return name.replace("/", "∕").replace("\\", "∕")
