"""Copies of the files that a look has noted, as documents that are then read like any other."""

from __future__ import annotations

import errno
import os
import shutil
from typing import IO

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction

from rag import conf
from rag.errors import FolderUnusable, UploadNotStored, UploadRefused
from rag.folders import opening
from rag.folders.placing import knowledge_of, place, succeed
from rag.models import Document, SyncedFile, SyncedFolder
from rag.services.documents import create_document, retry_document
from rag.types import FolderProblem, Problem

# Documents of one folder that are on their way at the same time: what is copied does not run ahead of what is indexed.
MAX_UNFINISHED = 50
BATCH = 20
# Left free on the disk for the database and everybody else.
RESERVE_BYTES = 500_000_000
_COPY_BYTES = 1 << 20


def take_in(folder: SyncedFolder) -> int:
    """Copy the next files that wait, as long as not too many are on their way; return how many those were.

    Raises:
        FolderUnusable: The folder, or the disk of this server.
    """
    n_unfinished = folder.documents.filter(state__in=Document.UNFINISHED_STATES).count()
    room = min(MAX_UNFINISHED - n_unfinished, BATCH)
    waiting = folder.files.filter(is_waiting=True, missing_at=None).select_related("document", "next_document")
    rows = list(waiting.order_by("id")[: max(room, 0)])
    if rows:
        with opening.opened_folder(folder.path) as (descriptor, _):
            for row in rows:
                _take_in(folder, row, descriptor)
    if folder.problem == FolderProblem.DISK_FULL:
        SyncedFolder.objects.filter(pk=folder.pk).update(problem="")
    return len(rows)


def _take_in(folder: SyncedFolder, row: SyncedFile, descriptor: int) -> None:
    if shutil.disk_usage(conf.data_folder()).free < row.size_bytes + RESERVE_BYTES:
        raise FolderUnusable(FolderProblem.DISK_FULL)
    try:
        with os.fdopen(opening.opened_file(descriptor, row.real_path), "rb") as source:
            copy = _copy(source, row)
    except FileNotFoundError:
        copy = None
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FolderUnusable(FolderProblem.DISK_FULL) from exc
        _note_copied(row, problem=Problem.NO_ACCESS)
        return
    if copy is None:
        _look_again(folder, row)
        return
    with copy:
        try:
            document = create_document(knowledge_of(folder).owner, copy, folder)
        except UploadNotStored as exc:
            raise FolderUnusable(FolderProblem.DISK_FULL) from exc
        except UploadRefused as exc:
            _note_copied(row, problem=exc.problem)
            return
    _attach(folder, row, document)


def _copy(source: IO[bytes], row: SyncedFile) -> TemporaryUploadedFile | None:
    """Return a copy of an open file, or None if it is not the file that was seen, or changes."""
    if not _is_as_seen(source, row):
        return None
    name = row.path.rpartition("/")[2]
    copy = TemporaryUploadedFile(name, "", row.size_bytes, None)
    try:
        left = row.size_bytes
        while left and (block := source.read(min(_COPY_BYTES, left))):
            copy.write(block)
            left -= len(block)
        copy.flush()
    except OSError:
        copy.close()
        raise
    if left or not _is_as_seen(source, row):
        copy.close()
        return None
    return copy


def _look_again(folder: SyncedFolder, row: SyncedFile) -> None:
    """Leave a file that is written to, or is gone, to the next look: it finds numbers other than these."""
    row.mtime_ns, row.is_waiting = 0, False
    row.save(update_fields=["mtime_ns", "is_waiting"])
    SyncedFolder.objects.filter(pk=folder.pk).update(fingerprint="")


def _is_as_seen(source: IO[bytes], row: SyncedFile) -> bool:
    facts = os.fstat(source.fileno())
    return (facts.st_size, facts.st_mtime_ns) == (row.size_bytes, row.mtime_ns)


def _note_copied(row: SyncedFile, problem: Problem | str = "") -> None:
    row.is_waiting, row.problem = False, problem
    row.save(update_fields=["is_waiting", "problem", "document", "next_document"])


def _attach(folder: SyncedFolder, row: SyncedFile, document: Document) -> None:
    """Make a copy the document of its file: at once, or when it is READY if an older copy answers meanwhile."""
    old = row.document
    with transaction.atomic():
        if old is None or old == document or not old.is_ready or document.is_ready:
            row.document, row.next_document = document, None
            _note_copied(row)
            place(folder, document)
            if old and old != document:
                succeed(folder, old, document)
        else:
            row.next_document = document
            _note_copied(row)


def try_again(folder: SyncedFolder) -> None:
    """Copy anew what could not be copied, and read anew what could not be read."""
    folder.files.exclude(problem="").update(is_waiting=True, problem="")
    for document in folder.documents.filter(state=Document.State.FAILED):
        retry_document(document)
