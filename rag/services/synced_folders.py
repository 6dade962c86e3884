"""Connecting knowledge with folders of the server, and what people then do with them. Who may is decided before."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from rag import waking
from rag.errors import FolderConnected, FolderDoesNotFit
from rag.folders.copying import try_again
from rag.models import Knowledge, KnowledgeFolder, SyncedFolder
from rag.services.documents import clean_name
from rag.services.surveys import survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.base_user import AbstractBaseUser


def connect_folder(
    knowledge: Knowledge,
    path: str,
    *,
    by: AbstractBaseUser,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> SyncedFolder:
    """Let a knowledge follow a folder of the server from now on.

    Raises:
        FolderUnusable: It is not allowed, or cannot be looked into.
        FolderDoesNotFit
        FolderConnected: The knowledge follows it already, or one above or below it.
    """
    path = os.path.normpath(path)
    found = survey(path, include, exclude)
    if not found.fits:
        raise FolderDoesNotFit(found.need_bytes, found.free_bytes)
    for other in knowledge.synced_folders.values_list("path", flat=True):
        if f"{path}/".startswith(f"{other}/") or f"{other}/".startswith(f"{path}/"):
            raise FolderConnected
    try:
        with transaction.atomic():
            folder = SyncedFolder.objects.create(
                knowledge=knowledge, path=path, name=_unique_name(knowledge.pk, path),
                include=list(include), exclude=list(exclude), connected_by_id=by.pk,
            )  # fmt: skip
    except IntegrityError as exc:
        raise FolderConnected from exc
    transaction.on_commit(waking.folders)
    return folder


def _unique_name(knowledge_id: int, path: str) -> str:
    """Return a name at the top of a knowledge that neither a folder nor a synced folder has."""
    base = clean_name(path.rpartition("/")[2])[:90] or "folder"
    taken = {
        *KnowledgeFolder.objects.filter(knowledge=knowledge_id).values_list("path", flat=True),
        *SyncedFolder.objects.filter(knowledge=knowledge_id).values_list("name", flat=True),
    }
    names = (base, *(f"{base} {number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def pause_folder(folder: SyncedFolder) -> None:
    """Look no more and copy no more; what was copied is still made ready."""
    SyncedFolder.objects.filter(pk=folder.pk, state=SyncedFolder.State.ACTIVE).update(state=SyncedFolder.State.PAUSED)


def resume_folder(folder: SyncedFolder) -> None:
    SyncedFolder.objects.filter(pk=folder.pk, state=SyncedFolder.State.PAUSED).update(
        state=SyncedFolder.State.ACTIVE, is_scan_wanted=True
    )
    transaction.on_commit(waking.folders)


def rescan_folder(folder: SyncedFolder, *, accepts_missing: bool = False) -> None:
    """Look at once, and try again what had problems.

    Args:
        accepts_missing: Somebody says that the files which are not there were deleted.
    """
    try_again(folder)
    SyncedFolder.objects.filter(pk=folder.pk).update(
        is_scan_wanted=True, fingerprint="", accepts_missing=accepts_missing
    )
    transaction.on_commit(waking.folders)


def disconnect_folder(folder: SyncedFolder, *, keep_documents: bool) -> None:
    """Follow the folder no more. Its documents become ordinary ones of the knowledge's owner, or are removed."""
    state = SyncedFolder.State.KEEPING if keep_documents else SyncedFolder.State.LEAVING
    SyncedFolder.objects.filter(pk=folder.pk).update(state=state)
    transaction.on_commit(waking.folders)
