"""Removing what a deleted document leaves outside the database: its file, its page images, its vectors.

The deletion writes a `Removal` in its own transaction; carrying it out can wait for the process that owns the vector
store, and is repeated until it has succeeded.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.db.models import Q, QuerySet

from rag import conf
from rag.errors import StoreUnavailable
from rag.lexical import entries
from rag.models import Document, IndexVersion, Removal
from rag.store import vector_store

logger = logging.getLogger(__name__)


def leave_removal(sender: type[Document], instance: Document, using: str, **_: Any) -> None:
    """Record what lies outside the tables before a document goes, also when it goes along with its owner."""
    # Whoever writes chunks or entries of it has either done so, or will find it gone.
    Document.objects.using(using).select_for_update().filter(pk=instance.pk).exists()
    entries.remove(instance.pk)
    held = IndexVersion.objects.using(using).exclude(state=IndexVersion.State.DROPPED)
    for store in {conf.store_name(), *held.values_list("store", flat=True)}:
        Removal.objects.using(using).get_or_create(
            document_id=instance.pk, store=store,
            defaults={"document_uuid": instance.uuid, "file": instance.file.name or ""},
        )  # fmt: skip


def due_removals() -> QuerySet[Removal]:
    """Return the removals of which something can be done: not those of vectors alone in a store of before."""
    return Removal.objects.filter(Q(store=conf.store_name()) | ~Q(file="")).order_by("pk")


def finish_removals() -> int:
    """Carry out what is left to remove; return how many removals still wait for the vector store."""
    n_waiting = 0
    for removal in due_removals():
        if not finish_removal(removal):
            n_waiting += 1
    return n_waiting


def finish_removal(removal: Removal) -> bool:
    """Remove file, images and vectors of one document; return whether all that can be reached is gone."""
    if removal.file:
        default_storage.delete(removal.file)
    for image in cached_images(removal.document_uuid):
        image.unlink(missing_ok=True)
    if removal.store != conf.store_name():
        # Its vectors go when that store is emptied, or configured again.
        Removal.objects.filter(pk=removal.pk).update(file="")
        return True
    try:
        # Without an index version, no vector has ever been stored, and the store need not be opened.
        if IndexVersion.objects.exists():
            vector_store().remove_document(removal.document_id)
    except StoreUnavailable:
        logger.info("The vectors of document %d will be removed later", removal.document_id)
        return False
    removal.delete()
    return True


def cached_images(document_uuid: UUID) -> list[Path]:
    return list(conf.page_cache_folder().glob(f"{document_uuid.hex}-*.png"))
