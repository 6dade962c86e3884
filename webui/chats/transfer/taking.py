"""Taking chats from a file: begun while its sender waits, gone on with a piece at a time, stopped by its owner."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, cast
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone

import rag.api as rag
from rag.errors import ImportRefused
from rag.types import Problem
from webui.accounts.models import User
from webui.chats.errors import ImportRunning
from webui.chats.models import CHAT_IMPORTS_FOLDER, IMPORTED_NAME_MAX_LENGTH, ChatImport, ImportedChat
from webui.chats.services.imports import Imported, ids_of, import_chats, import_folder
from webui.chats.transfer.parsing import read, read_folders
from webui.chats.transfer.shapes import Note, NotTaken, TakenChat
from webui.chats.transfer.sources import Cursor, Source
from webui.chats.transfer.splitting import Piece

logger = logging.getLogger(__name__)

State = ChatImport.State
Outcome = ImportedChat.Outcome

STEP_S = 0.5
"""A piece of work, after which others have their turn."""
BEGINNING_MAX = timedelta(minutes=10)
BATCH_S = 0.12
"""So long it should take to read and store several chats at once: for two thirds of it nobody else can write."""
BATCH_MIN_BYTES, BATCH_MAX_BYTES = 16 * 1024, 512 * 1024
BATCH_CHATS = 100
MAX_ATTEMPTS = 3
"""A chat that ends the process each time it is taken in is left out."""


def begin_import(owner: User, file: File[bytes]) -> ChatImport:
    """Store a file whose chats are to be taken in, one after another, by the loop.

    Raises:
        ImportRefused: It holds no chats that can be read. Nothing is stored.
        ImportRunning: Another one of the person's is being taken in.
    """
    # What it wraps: one without a name counts as closed to Python's ZIP reader.
    source = Source(cast("IO[bytes]", file.file))
    name = rag.display_name(file.name or "")[:IMPORTED_NAME_MAX_LENGTH]
    begun = ChatImport(owner=owner, name=name, n_bytes=source.n_bytes)
    if ChatImport.objects.filter(owner=owner, state=State.RUNNING).exists():
        raise ImportRunning
    file.seek(0)
    begun.file.save("chats", file, save=False)
    try:
        with transaction.atomic():
            begun.save(force_insert=True)
    except IntegrityError as exc:
        begun.file.delete(save=False)
        raise ImportRunning from exc
    except BaseException:
        begun.file.delete(save=False)
        raise
    return begun


def stop_import(running: ChatImport) -> None:
    """Take no more of a file; what was taken stays."""
    _end(running, State.STOPPED)


class Worker:
    """Goes on with imports, a piece of each in turn. The file of the last one stays open: it is mostly the only one."""

    def __init__(self) -> None:
        self._open: _Open | None = None

    def go_on(self) -> ChatImport | None:
        """Take in the next piece of the file that waits longest; return it, as it is then, or None if there is none."""
        waiting = ChatImport.objects.filter(state=State.RUNNING).select_related("owner")
        running = waiting.order_by("worked_at", "pk").first()
        if running is None:
            self.close()
            return None
        if self._open is None or self._open.pk != running.pk:
            self.close()
            try:
                self._open = _Open(running)
            except (ImportRefused, FileNotFoundError):
                _end(running, State.FAILED, Problem.BROKEN)
                return running
        try:
            self._take_piece(running, self._open)
        except BaseException:
            # Where reading goes on is asked for anew.
            self.close()
            raise
        return running

    def close(self) -> None:
        if self._open:
            self._open.close()
            self._open = None

    def _take_piece(self, running: ChatImport, opened: _Open) -> None:
        still_running = ChatImport.objects.filter(pk=running.pk, state=State.RUNNING)
        running.n_attempts += 1
        if not still_running.update(n_attempts=running.n_attempts, worked_at=timezone.now()):
            return
        _forget_documents(running)
        # The piece before this one had begun with the next chat too. If one more had, the cause of its end may be
        # some chat that was to be stored together with that.
        is_alone = running.n_attempts > 2
        deadline = time.monotonic() + STEP_S
        while time.monotonic() < deadline:
            began = time.monotonic()
            batch = opened.next_batch(running, is_alone=is_alone)
            if not batch:
                is_empty = not running.n_chats and not _take_folders(running, opened)
                self.close()
                _end(running, State.FAILED if is_empty else State.DONE, Problem.EMPTY if is_empty else None)
                return
            if not _take(running, opened, batch):
                # It was stopped, or another process has gone on with it.
                self.close()
                return
            opened.fit_batches(time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class _Found:
    """One chat of a file: what was read of it, or why nothing can be, and where reading goes on."""

    cursor: Cursor
    taken: TakenChat | None = None
    note: Note | None = None
    n_bytes: int = 0


class _Open:
    """The open file of an import, and what is still to come of it."""

    def __init__(self, running: ChatImport) -> None:
        self.pk = running.pk
        self._file = running.file.open("rb")
        try:
            self.source = Source(self._file.file)
        except BaseException:
            self._file.close()
            raise
        begin = Cursor(member=running.member, offset=running.offset, is_in_array=running.is_in_array)
        self._pieces: Iterator[tuple[Cursor, Piece]] = self.source.pieces(begin)
        self._next: _Found | None = None
        self._batch_bytes = BATCH_MIN_BYTES

    def fit_batches(self, took_s: float) -> None:
        """Let the next batch be as large as this machine can store in the time for one, at most twice the last one."""
        fits = self._batch_bytes * min(2.0, BATCH_S / took_s)
        self._batch_bytes = int(min(BATCH_MAX_BYTES, max(BATCH_MIN_BYTES, fits)))

    def next_batch(self, running: ChatImport, *, is_alone: bool) -> list[_Found]:
        """Return what of the file is stored next; nothing at its end.

        No two of its chats may become the same one, as that is asked before any of them is stored.
        """
        batch: list[_Found] = []
        ids: set[UUID] = set()
        n_bytes = 0
        while found := self._look(running):
            its_ids = ids_of(running.owner, found.taken.id) if found.taken else []
            n_bytes += found.n_bytes
            if batch and (
                is_alone or n_bytes > self._batch_bytes or len(batch) == BATCH_CHATS or not ids.isdisjoint(its_ids)
            ):
                self._next = found
                break
            batch.append(found)
            ids.update(its_ids)
        return batch

    def _look(self, running: ChatImport) -> _Found | None:
        if found := self._next:
            self._next = None
            return found
        if (ahead := next(self._pieces, None)) is None:
            return None
        cursor, piece = ahead
        if piece.note:
            return _Found(cursor, note=piece.note)
        try:
            return _Found(cursor, read(piece.raw, running.owner, self.source), n_bytes=len(piece.raw))
        except NotTaken as exc:
            return _Found(cursor, note=exc.note)

    def close(self) -> None:
        self._file.close()


def _take(running: ChatImport, opened: _Open, batch: Sequence[_Found]) -> bool:
    """Store chats of a file; return False when that was not to be done here."""
    if running.n_attempts > MAX_ATTEMPTS:
        batch = [_Found(found.cursor, note=found.note or Note.NOT_STORED) for found in batch]
    try:
        _Turn(running, opened, batch).take()
    except _Gone:
        return False
    except OperationalError:
        # The database has no time or no room now; they are tried again.
        raise
    except DatabaseError:
        if len(batch) > 1:
            return all(_take(running, opened, [found]) for found in batch)
        logger.exception("A chat of import %d was refused by the database", running.pk)
        return _take(running, opened, [_Found(batch[0].cursor, note=Note.NOT_STORED)])
    return True


class _Turn:
    """Some chats of a file: they, the notes of them and how far the import is are stored together or not at all."""

    def __init__(self, running: ChatImport, opened: _Open, batch: Sequence[_Found]) -> None:
        self._running = running
        self._opened = opened
        self._batch = batch
        self._cursor = batch[-1].cursor
        self._counts: Counter[str] = Counter()

    def take(self) -> None:
        """Raises _Gone, which undoes the transaction of the chats: the import was stopped, or goes on elsewhere."""
        running, source = self._running, self._opened.source
        readable = [found.taken for found in self._batch if found.taken]
        if readable and running.n_refused == running.n_chats:
            # Nothing of a file is stored before one of its chats can be read.
            _take_folders(running, self._opened)
        import_chats(running.owner, readable, source, note_document=running.documents.add, together_with=self._store)
        running.member, running.offset, running.n_attempts = self._cursor.member, self._cursor.offset, 1
        for counter, n in self._counts.items():
            setattr(running, counter, getattr(running, counter) + n)

    def _store(self, imported: Sequence[Imported]) -> None:
        running, cursor = self._running, self._cursor
        rows = [*self._rows(iter(imported))]
        self._counts = Counter(_COUNTERS[row.outcome] for row in rows)
        at_its_place = ChatImport.objects.filter(
            pk=running.pk, state=State.RUNNING, member=running.member, offset=running.offset
        )
        is_there = at_its_place.update(
            member=cursor.member,
            offset=cursor.offset,
            is_in_array=cursor.is_in_array,
            n_bytes_done=self._opened.source.n_bytes_before(cursor),
            n_attempts=1,
            worked_at=timezone.now(),
            **{counter: F(counter) + n for counter, n in self._counts.items()},
        )
        if not is_there:
            raise _Gone
        ImportedChat.objects.bulk_create(rows)
        if imported:
            # They have their chats now.
            running.documents.clear()

    def _rows(self, imported: Iterator[Imported]) -> Iterator[ImportedChat]:
        """Yield what the report says of each."""
        for position, found in enumerate(self._batch, self._running.n_chats):
            row = ImportedChat(source=self._running, position=position)
            if found.taken:
                its = next(imported)
                row.title, row.chat = found.taken.title, its.chat
                row.outcome = Outcome.KNOWN if its.is_known else Outcome.TAKEN
                row.notes = {} if its.is_known else _told(found.taken.notes)
            elif found.note:
                row.notes = {found.note.value: 1}
            yield row


_COUNTERS = {Outcome.TAKEN: "n_taken", Outcome.KNOWN: "n_known", "": "n_refused"}


def _take_folders(running: ChatImport, opened: _Open) -> bool:
    """Store the folders of a bundle that the person has not; return whether there are any."""
    folders = read_folders(opened.source.folders())
    for folder in folders:
        import_folder(running.owner, folder, opened.source, note_document=running.documents.add)
        running.documents.clear()
    return bool(folders)


def _forget_documents(running: ChatImport) -> None:
    """Remove what was stored for a chat that was not, as the process has died in between."""
    for document in running.documents.all():
        rag.delete_document(document)


class _Gone(Exception):
    """The import is not to be gone on with here."""


def _told(notes: Counter[Note]) -> dict[str, int]:
    return {note.value: n for note, n in notes.items() if n}


def _end(running: ChatImport, state: str, problem: Problem | None = None) -> None:
    """Bring an import to its end, and remove its file; the name of that stays in the row until it is gone."""
    running.state, running.error = state, problem or ""
    if not ChatImport.objects.filter(pk=running.pk, state=State.RUNNING).update(state=state, error=problem or ""):
        return
    default_storage.delete(str(running.file.name))
    ChatImport.objects.filter(pk=running.pk).update(file="")


def remove_left_over() -> None:
    """Remove what no running import needs; a file of this moment belongs to one that is being begun."""
    ended = ChatImport.objects.exclude(state=State.RUNNING)
    for row in ended.exclude(documents=None).distinct():
        _forget_documents(row)
    for row in ended.exclude(file=""):
        default_storage.delete(str(row.file.name))
    ended.exclude(file="").update(file="")
    if not default_storage.exists(CHAT_IMPORTS_FOLDER):
        return
    known = set(ChatImport.objects.values_list("file", flat=True))
    oldest_young = timezone.now() - BEGINNING_MAX
    for name in (f"{CHAT_IMPORTS_FOLDER}/{name}" for name in default_storage.listdir(CHAT_IMPORTS_FOLDER)[1]):
        if name not in known and default_storage.get_modified_time(name) < oldest_young:
            default_storage.delete(name)
