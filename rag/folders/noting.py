"""A look at a synced folder: what is new, changed, moved and gone is noted as `SyncedFile` rows, for the next steps."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from rag import conf
from rag.errors import FolderUnusable
from rag.folders.placing import place, remove_file
from rag.folders.rules import Rules
from rag.folders.walk import FoundFile, Listing, list_folder
from rag.models import SyncedFile, SyncedFolder
from rag.types import FolderProblem

logger = logging.getLogger(__name__)

SCAN_DEADLINE_S = 60.0
# A file that was written to so lately may not be whole.
SETTLE_S = 2.0
# A file is believed to be gone once it has been away for so long: editors save by replacing, networks blink.
GRACE_S = 30.0
# From so many files on, most of them, or all of a folder that is still there, gone at once is taken for a lost disk.
MANY_FILES = 20
_ROWS_A_TRANSACTION = 500
# A look that finds nothing new is noted so seldom: at rest nothing is written.
_NOTE_INTERVAL_S = 30.0


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
                place(folder, row.document)


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
        remove_file(folder, row_id)
    return len(lost) - len(believed)


def _parts(ids: Collection[int]) -> Iterable[list[int]]:
    every = list(ids)
    return (every[first : first + _ROWS_A_TRANSACTION] for first in range(0, len(every), _ROWS_A_TRANSACTION))
