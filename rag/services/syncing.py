"""Keeping the documents of a synced folder as its files are: the steps, each of them short and safe to be cut off.

What was found is noted in `SyncedFile` rows first; copying, exchanging and removing go by these rows, so that a restart
goes on where the last process ended. Documents to which no row refers any more are swept away last.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import IO, NamedTuple

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction
from django.utils import timezone

from rag import conf
from rag.errors import FolderRefused, FolderUnusable, UploadNotStored, UploadRefused
from rag.folders import opening
from rag.folders.rules import Rules
from rag.folders.walk import FoundFile, Listing, list_folder
from rag.models import Document, GoldenQuestion, Knowledge, KnowledgeFolder, Membership, SyncedFile, SyncedFolder
from rag.services.documents import clean_name, create_document, delete_document, display_name, retry_document
from rag.services.knowledge import create_folder
from rag.types import FolderProblem, Problem

logger = logging.getLogger(__name__)

SCAN_DEADLINE_S = 60.0
# A file that was written to so lately may not be whole.
SETTLE_S = 2.0
# A file is believed to be gone once it has been away for so long: editors save by replacing, networks blink.
GRACE_S = 30.0
# From so many files on, most of them, or all of a folder that is still there, gone at once is taken for a lost disk.
MANY_FILES = 20
# Documents of one folder that are on their way at the same time: what is copied does not run ahead of what is indexed.
MAX_UNFINISHED = 50
BATCH = 20
# Left free on the disk for the database and everybody else.
RESERVE_BYTES = 500_000_000
_ROWS_A_TRANSACTION = 500
_COPY_BYTES = 1 << 20
# A look that finds nothing new is noted so seldom: at rest nothing is written.
_NOTE_INTERVAL_S = 30.0

_listeners: list[Callable[[int, int], None]] = []


class _Known(NamedTuple):
    """A row in `SyncedFile`."""

    id: int
    path: str
    real_path: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: str
    missing_at: object

    @property
    def numbers(self) -> tuple[int, int, int]:
        return self.size_bytes, self.mtime_ns, self.ctime_ns

    @property
    def traces(self) -> tuple[str, int, int]:
        """What a file keeps when it is renamed."""
        return self.inode, self.size_bytes, self.mtime_ns


# ---- looking -------------------------------------------------------------------------------------


def rules_of(folder: SyncedFolder) -> Rules:
    return Rules(include=folder.include, exclude=folder.exclude, max_bytes=conf.max_upload_bytes())


def look(folder: SyncedFolder) -> Listing:
    """Return what is in the folder. Raises FolderUnusable."""
    listing = list_folder(folder.path, rules_of(folder), deadline_s=SCAN_DEADLINE_S)
    if listing.is_unread(""):
        raise FolderUnusable(FolderProblem.NO_ACCESS)
    return listing


def note_problem(folder: SyncedFolder, problem: FolderProblem) -> None:
    if problem != folder.problem:
        logger.warning("The synced folder %d cannot be kept: %s", folder.pk, problem)
    SyncedFolder.objects.filter(pk=folder.pk).update(problem=problem, scanned_at=timezone.now(), is_scan_wanted=False)
    folder.refresh_from_db()


def note_listing(folder: SyncedFolder, listing: Listing, scan_s: float) -> None:
    """Note what is new, changed, moved and gone since the last look, as rows for the steps below.

    Raises:
        FolderUnusable: So much is gone that it is rather the disk; nothing is noted.
    """
    fingerprint = listing.fingerprint()
    if fingerprint == folder.fingerprint and _was_just_noted(folder):
        return
    if fingerprint != folder.fingerprint:
        is_all_noted = _note_differences(folder, listing)
        folder.fingerprint = fingerprint if is_all_noted else ""
    if folder.problem != FolderProblem.DISK_FULL:
        folder.problem = ""
    folder.scanned_at = timezone.now()
    folder.scan_s = scan_s
    folder.n_files = len(listing.files)
    folder.size_bytes = listing.size_bytes
    folder.left_out = dict(listing.left_out)
    folder.examples = dict(listing.examples)
    folder.is_scan_wanted = folder.accepts_missing = False
    folder.save(
        update_fields=[
            "fingerprint", "problem", "scanned_at", "scan_s", "n_files", "size_bytes", "left_out", "examples",
            "is_scan_wanted", "accepts_missing",
        ]
    )  # fmt: skip


def _was_just_noted(folder: SyncedFolder) -> bool:
    if folder.problem or folder.is_scan_wanted or folder.scanned_at is None:
        return False
    return timezone.now() - folder.scanned_at < timedelta(seconds=_NOTE_INTERVAL_S)


def _note_differences(folder: SyncedFolder, listing: Listing) -> bool:
    """Return whether nothing is left that only a later look can tell."""
    rows = SyncedFile.objects.filter(folder=folder).order_by().values_list(*_Known._fields)
    known = {row.path: row for row in map(_Known._make, rows.iterator())}
    found = listing.files
    gone = [row for path, row in known.items() if path not in found and not listing.is_unread(path)]
    changed = [(known[path], file) for path, file in found.items() if path in known and _differs(known[path], file)]
    moved = _moves(gone, [file for path, file in found.items() if path not in known])
    lost = [row for row in gone if row.id not in moved]
    if lost and not folder.accepts_missing and _is_suspicious(lost, len(known), listing):
        raise FolderUnusable(FolderProblem.MANY_GONE)
    arrived_by_move = {file.path for file in moved.values()}
    new = [file for path, file in found.items() if path not in known and path not in arrived_by_move]
    whole_new = [file for file in new if _is_whole(file)]
    whole_changed = [(row, file) for row, file in changed if _is_whole(file)]
    back = [row.id for path, row in known.items() if row.missing_at and path in found]
    _note_moves(folder, moved)
    _note_new(folder, whole_new)
    _note_changed(whole_changed)
    SyncedFile.objects.filter(pk__in=back).update(missing_at=None)
    n_left = _note_gone(folder, lost)
    return not n_left and len(whole_new) == len(new) and len(whole_changed) == len(changed)


def _differs(row: _Known, file: FoundFile) -> bool:
    return row.numbers != (file.size_bytes, file.mtime_ns, file.ctime_ns) or row.real_path != file.real_path


def _is_suspicious(lost: Sequence[_Known], n_known: int, listing: Listing) -> bool:
    """Whether files are gone as when a disk is not there, be it that of a folder within the folder."""
    if not listing.files or (len(lost) >= MANY_FILES and 2 * len(lost) > n_known):
        return True
    return any(sum(row.path.startswith(f"{folder}/") for row in lost) >= MANY_FILES for folder in listing.empty)


def _is_whole(file: FoundFile) -> bool:
    age_s = timezone.now().timestamp() - file.mtime_ns / 1e9
    # A clock that is ahead of ours tells nothing.
    return age_s >= SETTLE_S or age_s < -SETTLE_S


def _moves(gone: Iterable[_Known], new: Iterable[FoundFile]) -> dict[int, FoundFile]:
    """Return the files that only have another path now, by the id of their row."""
    by_traces = defaultdict(list)
    for row in gone:
        by_traces[row.traces].append(row)
    moves = {}
    for file in new:
        if rows := by_traces.get((str(file.inode), file.size_bytes, file.mtime_ns)):
            moves[rows.pop().id] = file
    return moves


def _note_moves(folder: SyncedFolder, moved: dict[int, FoundFile]) -> None:
    for row in SyncedFile.objects.filter(pk__in=list(moved)).select_related("document"):
        file = moved[row.pk]
        with transaction.atomic():
            row.path, row.real_path, row.ctime_ns, row.missing_at = file.path, file.real_path, file.ctime_ns, None
            row.save(update_fields=["path", "real_path", "ctime_ns", "missing_at"])
            if row.document:
                _place(folder, row.document)


def _note_new(folder: SyncedFolder, files: Sequence[FoundFile]) -> None:
    rows = [SyncedFile(folder=folder, **_columns(file)) for file in files]
    for first in range(0, len(rows), _ROWS_A_TRANSACTION):
        SyncedFile.objects.bulk_create(rows[first : first + _ROWS_A_TRANSACTION], ignore_conflicts=True)


def _note_changed(changed: Sequence[tuple[_Known, FoundFile]]) -> None:
    rows = [SyncedFile(pk=row.id, is_waiting=True, problem="", **_columns(file)) for row, file in changed]
    names = ["real_path", "size_bytes", "mtime_ns", "ctime_ns", "inode", "is_waiting", "problem"]
    SyncedFile.objects.bulk_update(rows, names, batch_size=_ROWS_A_TRANSACTION // len(names))


def _columns(file: FoundFile) -> dict[str, object]:
    return {**asdict(file), "inode": str(file.inode)}


def _note_gone(folder: SyncedFolder, lost: Sequence[_Known]) -> int:
    """Remove what has been away for long enough, remember since when the rest is; return how many those are."""
    now = timezone.now()
    if folder.accepts_missing:
        believed = {row.id for row in lost}
    else:
        over = set(
            SyncedFile.objects.filter(folder=folder, missing_at__lte=now - timedelta(seconds=GRACE_S)).values_list(
                "pk", flat=True
            )
        )
        believed = {row.id for row in lost} & over
    fresh = [row.id for row in lost if row.id not in believed and not row.missing_at]
    for part in _parts(fresh):
        SyncedFile.objects.filter(pk__in=part).update(missing_at=now)
    for row_id in believed:
        _remove(folder, row_id)
    return len(lost) - len(believed)


def _parts(ids: Collection[int]) -> Iterable[list[int]]:
    every = list(ids)
    return (every[first : first + _ROWS_A_TRANSACTION] for first in range(0, len(every), _ROWS_A_TRANSACTION))


# ---- copying -------------------------------------------------------------------------------------


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
            document = create_document(_knowledge_of(folder).owner, copy, folder)
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
            _place(folder, document)
            if old and old != document:
                _succeed(folder, old, document)
        else:
            row.next_document = document
            _note_copied(row)


# ---- exchanging and removing ---------------------------------------------------------------------


def exchange(folder: SyncedFolder) -> int:
    """Put newer copies that are READY in the place of the older ones; return how many."""
    ready = folder.files.filter(next_document__state=Document.State.READY).select_related("document", "next_document")
    rows = list(ready[:BATCH])
    for row in rows:
        old, new = row.document, row.next_document
        with transaction.atomic():
            row.document, row.next_document = new, None
            row.save(update_fields=["document", "next_document"])
            if new:
                _place(folder, new)
            if old and new:
                _succeed(folder, old, new)
    return len(rows)


def _succeed(folder: SyncedFolder, old: Document, new: Document) -> None:
    """Let a newer copy follow an older one wherever that is referred to, unless another file still equals it."""
    _place(folder, old)
    if old.synced_files.exists():
        return
    # Its words are looked for in the new text when it is run again.
    GoldenQuestion.objects.filter(document=old, knowledge=folder.knowledge_id).update(document=new)
    for tell in _listeners:
        tell(old.pk, new.pk)


def on_exchange(listener: Callable[[int, int], None]) -> None:
    """Have a function told, in the same transaction, which document follows which, by their ids."""
    _listeners.append(listener)


def _remove(folder: SyncedFolder, row_id: int) -> None:
    with transaction.atomic():
        row = SyncedFile.objects.select_related("document").filter(pk=row_id).first()
        if row is None:
            return
        document = row.document
        row.delete()
        if document:
            _place(folder, document)


def _place(folder: SyncedFolder, document: Document) -> None:
    """Call a document as its file is called, in the folder of the same name, or take it out if no file has it.

    Of several equal files the first counts.
    """
    row = document.synced_files.order_by("path").first()
    if row is None:
        Membership.objects.filter(document=document, knowledge=folder.knowledge_id).delete()
        return
    above, _, name = row.path.rpartition("/")
    Document.objects.filter(pk=document.pk).exclude(name=display_name(name)).update(name=display_name(name))
    Membership.objects.update_or_create(
        knowledge=_knowledge_of(folder), document=document, defaults={"folder": _knowledge_folder(folder, above)}
    )


def _knowledge_folder(folder: SyncedFolder, path: str) -> KnowledgeFolder | None:
    """Return the folder of a knowledge for one in the synced folder, or the nearest above it that there can be."""
    steps = path.split("/") if path else []
    while True:
        try:
            return create_folder(_knowledge_of(folder), "/".join([folder.name, *steps]))
        except FolderRefused:
            if not steps:
                return None
            steps.pop()


def _knowledge_of(folder: SyncedFolder) -> Knowledge:
    if folder.knowledge is None:
        raise FolderUnusable(FolderProblem.GONE)
    return folder.knowledge


def sweep(folder: SyncedFolder) -> int:
    """Delete documents of the folder that no file has any more, and folders without documents; return how many."""
    unused = folder.documents.filter(synced_files=None, next_for_files=None)
    documents = list(unused[:BATCH])
    for document in documents:
        delete_document(document)
    if documents and len(documents) < BATCH:
        remove_empty_folders(folder)
    return len(documents)


def remove_empty_folders(folder: SyncedFolder) -> None:
    """Delete the folders of the knowledge that stand for folders that are no more."""
    if folder.knowledge is None:
        return
    every = [row for row in folder.knowledge.folders.all() if f"{row.path}/".startswith(f"{folder.name}/")]
    used = set(Membership.objects.filter(folder__in=every).values_list("folder__path", flat=True))
    needed = {"/".join(path.split("/")[:depth]) for path in used for depth in range(1, path.count("/") + 2)}
    KnowledgeFolder.objects.filter(pk__in=[row.pk for row in every if row.path not in needed]).delete()


# ---- disconnecting -------------------------------------------------------------------------------


def remove_some(folder: SyncedFolder) -> bool:
    """Remove the next documents of a folder that was disconnected, at last the folder; return whether all is gone."""
    documents = list(folder.documents.all()[:BATCH])
    for document in documents:
        delete_document(document)
    if len(documents) == BATCH:
        return False
    _forget(folder)
    return True


def hand_over_some(folder: SyncedFolder) -> bool:
    """Make the next documents ordinary ones of the knowledge's owner, at last delete the folder.

    Returns:
        Whether all is done.
    """
    documents = list(folder.documents.prefetch_related("memberships")[:BATCH])
    for document in documents:
        _hand_over(document)
    if len(documents) == BATCH:
        return False
    _forget(folder)
    return True


def _hand_over(document: Document) -> None:
    members = list(document.memberships.all())
    with transaction.atomic():
        own = Document.objects.filter(owner=document.owner_id, sha256=document.sha256, synced_folder=None).first()
        if members and own is None:
            Document.objects.filter(pk=document.pk).update(synced_folder=None)
            return
        for member in members:
            Membership.objects.get_or_create(
                knowledge_id=member.knowledge_id, document=own, defaults={"folder_id": member.folder_id}
            )
    # A newer copy that was not ready yet, or one of a file that the owner has brought too.
    delete_document(document)


def _forget(folder: SyncedFolder) -> None:
    remove_empty_folders(folder)
    folder.delete()


def unique_name(knowledge_id: int, path: str) -> str:
    """Return a name at the top of a knowledge that neither a folder nor a synced folder has."""
    base = clean_name(path.rpartition("/")[2])[:90] or "folder"
    taken = {
        *KnowledgeFolder.objects.filter(knowledge=knowledge_id).values_list("path", flat=True),
        *SyncedFolder.objects.filter(knowledge=knowledge_id).values_list("name", flat=True),
    }
    names = (base, *(f"{base} {number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def try_again(folder: SyncedFolder) -> None:
    """Copy anew what could not be copied, and read anew what could not be read."""
    folder.files.exclude(problem="").update(is_waiting=True, problem="")
    for document in folder.documents.filter(state=Document.State.FAILED):
        retry_document(document)
