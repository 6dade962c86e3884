"""Taking chats from a file: begun while its sender waits, gone on with a piece at a time, stopped by its owner."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import IO, cast

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
from webui.chats.services.imports import Imported, import_chat, import_folder
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
        deadline = time.monotonic() + STEP_S
        while time.monotonic() < deadline:
            found = next(opened.pieces, None)
            if found is None:
                is_empty = not running.n_chats and not _take_folders(running, opened)
                self.close()
                _end(running, State.FAILED if is_empty else State.DONE, Problem.EMPTY if is_empty else None)
                return
            if not _Turn(running, opened, *found).take():
                # It was stopped, or another process has gone on with it.
                self.close()
                return


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
        self.pieces: Iterator[tuple[Cursor, Piece]] = self.source.pieces(begin)

    def close(self) -> None:
        self._file.close()


class _Turn:
    """One chat of a file: it, the note of it and how far the import is are stored together or not at all."""

    def __init__(self, running: ChatImport, opened: _Open, cursor: Cursor, piece: Piece) -> None:
        self._running = running
        self._opened = opened
        self._source = opened.source
        self._cursor = cursor
        self._piece = piece
        self._noted = ImportedChat(source=running, position=running.n_chats)

    def take(self) -> bool:
        """Return False when that was not to be done here."""
        try:
            self._take()
        except NotTaken as exc:
            return self._refuse(exc.note)
        except _Gone:
            return False
        except OperationalError:
            # The database has no time or no room now; the chat is tried again.
            raise
        except DatabaseError:
            logger.exception("A chat of import %d was refused by the database", self._running.pk)
            return self._refuse(Note.NOT_STORED)
        return True

    def _take(self) -> None:
        if self._piece.note:
            raise NotTaken(self._piece.note)
        if self._running.n_attempts > MAX_ATTEMPTS:
            raise NotTaken(Note.NOT_STORED)
        taken = read(self._piece.raw, self._running.owner, self._source)
        if self._running.n_refused == self._running.n_chats:
            # Nothing of a file is stored before one of its chats can be read.
            _take_folders(self._running, self._opened)
        import_chat(
            self._running.owner,
            taken,
            self._source,
            note_document=self._running.documents.add,
            together_with=lambda imported: self._note(imported, taken),
        )

    def _note(self, imported: Imported, taken: TakenChat) -> None:
        self._noted.title, self._noted.chat = taken.title, imported.chat
        self._noted.outcome = Outcome.KNOWN if imported.is_known else Outcome.TAKEN
        self._noted.notes = {} if imported.is_known else _told(taken.notes)
        # They have their chat now.
        self._running.documents.clear()
        self._store("n_known" if imported.is_known else "n_taken")

    def _refuse(self, note: Note) -> bool:
        self._noted.chat, self._noted.outcome, self._noted.notes = None, "", {note.value: 1}
        try:
            self._store("n_refused")
        except _Gone:
            return False
        return True

    def _store(self, counter: str) -> None:
        """Raises _Gone, which undoes the transaction of the chat: the import was stopped, or goes on elsewhere."""
        cursor = self._cursor
        at_its_place = ChatImport.objects.filter(
            pk=self._running.pk, state=State.RUNNING, member=self._running.member, offset=self._running.offset
        )
        with transaction.atomic():
            is_there = at_its_place.update(
                member=cursor.member,
                offset=cursor.offset,
                is_in_array=cursor.is_in_array,
                n_bytes_done=self._source.n_bytes_before(cursor),
                n_attempts=1,
                worked_at=timezone.now(),
                **{counter: F(counter) + 1},
            )
            if not is_there:
                raise _Gone
            self._noted.save(force_insert=True)
        self._running.member, self._running.offset, self._running.n_attempts = cursor.member, cursor.offset, 1
        setattr(self._running, counter, getattr(self._running, counter) + 1)


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
