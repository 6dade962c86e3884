"""Taking in, retrying and deleting documents."""

from __future__ import annotations

import hashlib
import logging
import unicodedata
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from rag import conf, waking
from rag.errors import UploadBroken, UploadEmpty, UploadNotStored, UploadTooLarge, UploadUnsupported
from rag.extraction import detect
from rag.fetching import FetchedPage
from rag.models import Document, Removal, SyncedFolder
from rag.services import ingestion
from rag.services.removals import finish_removal
from rag.types import HTML, PICTURES, Problem

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

logger = logging.getLogger(__name__)

NAME_MAX_LENGTH = 255


Beside = Callable[[Document], None]
"""Stores what belongs to a document, in the transaction that stores it."""


def nothing(_document: Document) -> None:
    pass


def create_document(
    owner: AbstractBaseUser,
    upload: File[bytes],
    synced_folder: SyncedFolder | None = None,
    *,
    together_with: Beside = nothing,
) -> Document:
    """Store a file and queue its ingestion.

    A file that its owner, or the synced folder, already has is not stored again: the document there is comes back,
    tried again if it had failed.

    Args:
        together_with: Is called for one that is there already, too. Nothing is stored if it raises.

    Raises:
        UploadTooLarge, UploadEmpty, UploadBroken, UploadUnsupported, UploadNotStored: Nothing is stored.
    """
    name = display_name(upload.name or "")
    media_type = check_upload(upload, name)
    sha256 = _digest(upload)
    same = Document.objects.filter(owner_id=owner.pk, sha256=sha256, synced_folder=synced_folder)
    existing = same.first()
    if existing:
        together_with(existing)
        return retry_document(existing) if existing.has_failed else existing
    document = Document(
        owner_id=owner.pk, name=name, media_type=media_type, size_bytes=upload.size, sha256=sha256,
        synced_folder=synced_folder,
    )  # fmt: skip
    return _store(document, upload, together_with)


def create_page_document(
    owner: AbstractBaseUser,
    content: File[bytes],
    page: FetchedPage,
    *,
    asked_url: str,
    together_with: Beside = nothing,
) -> Document:
    """Store what was fetched from an address and queue its ingestion; an unchanged page is not stored again.

    Raises:
        UploadTooLarge, UploadEmpty, UploadUnsupported, UploadNotStored: Nothing is stored.
    """
    name = display_name(content.name or "")
    media_type = HTML if page.is_html and content.size else check_upload(content, "")
    if media_type in PICTURES:
        # On the web they are hardly ever pictures of text.
        raise UploadUnsupported
    # The same bytes at two addresses are two pages, to be cited each by its own.
    sha256 = hashlib.sha256(f"{asked_url}\n".encode() + page.content).hexdigest()
    existing = Document.objects.filter(owner_id=owner.pk, sha256=sha256, synced_folder=None).first()
    if existing:
        Document.objects.filter(pk=existing.pk).update(fetched_at=timezone.now())
        existing.refresh_from_db()
        together_with(existing)
        return retry_document(existing) if existing.has_failed else existing
    document = Document(
        owner_id=owner.pk, name=name, media_type=media_type, size_bytes=content.size, sha256=sha256,
        source_url=asked_url, fetched_at=timezone.now(),
    )  # fmt: skip
    return _store(document, content, together_with)


def _store(document: Document, upload: File[bytes], together_with: Beside) -> Document:
    upload.seek(0)
    try:
        document.file.save(document.name, upload, save=False)
    except OSError as exc:
        logger.error("An upload could not be stored: %s", exc.strerror)
        raise UploadNotStored from exc
    is_stored = False
    try:
        with transaction.atomic():
            document.save(force_insert=True)
            together_with(document)
        is_stored = True
    except IntegrityError:
        # The same file came twice at the same moment; the other one won.
        other = Document.objects.get(
            owner_id=document.owner_id, sha256=document.sha256, synced_folder=document.synced_folder
        )
        together_with(other)
        return other
    finally:
        if not is_stored:
            document.file.delete(save=False)
    transaction.on_commit(waking.documents)
    return document


def retry_document(document: Document) -> Document:
    """Queue a failed or waiting document at once; one that is ready, with all that could be read, stays as it is."""
    is_lacking = Q(state=Document.State.FAILED) | Q(state=Document.State.READY, n_scanned__gt=F("n_recognised"))
    Document.objects.filter(is_lacking, pk=document.pk).update(
        state=Document.State.QUEUED, error="", n_attempts=0, n_chunks=0, n_chunks_done=0, retry_at=None
    )
    Document.objects.filter(pk=document.pk, state__in=Document.UNFINISHED_STATES).update(retry_at=None)
    document.refresh_from_db()
    transaction.on_commit(waking.documents)
    return document


def reindex_documents(documents: Iterable[Document]) -> int:
    """Read, cut and embed documents anew; return how many. Those that are being worked on go on as they are.

    Answers do without a document until it is through.
    """
    settled = (Document.State.READY, Document.State.FAILED)
    n_queued = Document.objects.filter(pk__in=[document.pk for document in documents], state__in=settled).update(
        state=Document.State.QUEUED, error="", n_attempts=0, n_chunks=0, n_chunks_done=0, retry_at=None
    )
    transaction.on_commit(waking.documents)
    return n_queued


def stop_document(document: Document) -> Document:
    """Give up the ingestion of a document; what was read of it is removed. One that is ready stays as it is."""
    if document.is_unfinished:
        ingestion.fail(document, Problem.STOPPED)
        document.refresh_from_db()
    return document


def delete_document(document: Document) -> None:
    """Delete a document with its text, chunks, lexical entries, vectors, file and page images.

    The rows go at once. What lies elsewhere goes with them, or, if the vector store cannot be reached from here, as
    soon as its process gets to it; no answer can draw on it meanwhile.
    """
    document_id = document.pk
    with transaction.atomic():
        document.delete()
    are_finished = [finish_removal(removal) for removal in Removal.objects.filter(document_id=document_id)]
    if not all(are_finished):
        waking.documents()


def display_name(name: str) -> str:
    """Return a file's name for people: without folders, controls and characters that reorder text."""
    name = clean_name(name.replace("\\", "/").rsplit("/", 1)[-1])
    if len(name) > NAME_MAX_LENGTH:
        stem, dot, extension = name.rpartition(".")
        room = NAME_MAX_LENGTH - len(extension) - 2
        name = f"{stem[:room]}…{dot}{extension}" if stem and room > 0 else name[:NAME_MAX_LENGTH]
    return name if name.strip(".") else "document"


def file_name(document: Document) -> str:
    """Return what a document's file is called when it is handed out."""
    is_odd = detect.is_text_named_as_another(document.media_type, document.name)
    return f"{document.name}.txt" if is_odd else document.name


def display_path(path: str) -> str:
    """Return a path for people: each step on one line, without controls and characters that reorder text."""
    return "/".join(map(clean_name, path.split("/")))


def clean_name(name: str) -> str:
    """Return a name on one line, without controls and characters that reorder text."""
    visible = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
    return " ".join(visible.split())


def check_upload(upload: File[bytes], name: str) -> str:
    """Return the media type of what some extraction may be able to read.

    Raises:
        UploadTooLarge, UploadEmpty, UploadBroken, UploadUnsupported
    """
    if not upload.size:
        raise UploadEmpty
    if upload.size > conf.max_upload_bytes():
        raise UploadTooLarge(upload.size, conf.max_upload_bytes())
    upload.seek(0)
    media_type = detect.media_type(upload.read(detect.SAMPLE_BYTES), name)
    if media_type != detect.BINARY:
        return media_type
    raise UploadBroken if detect.claims_to_be_readable(name) else UploadUnsupported


def _digest(upload: File[bytes]) -> str:
    digest = hashlib.sha256()
    for block in upload.chunks():
        digest.update(block)
    return digest.hexdigest()
