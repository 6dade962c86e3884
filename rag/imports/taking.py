"""Taking in an archive: begun while its sender waits, gone on with a piece at a time, stopped by its owner."""

from __future__ import annotations

import logging
import tempfile
import time
from datetime import timedelta
from typing import IO, TYPE_CHECKING, cast

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from rag import conf, waking
from rag.errors import FolderRefused, ImportRefused, UploadRefused
from rag.imports.archive import Archive, NotTaken, Planned
from rag.models import (
    ARCHIVES_FOLDER,
    DESCRIPTION_MAX_LENGTH,
    IMPORTED_NAME_MAX_LENGTH,
    KNOWLEDGE_NAME_MAX_LENGTH,
    Document,
    ImportedFile,
    Knowledge,
    KnowledgeFolder,
    KnowledgeImport,
)
from rag.services.documents import check_upload, create_document, display_name
from rag.services.knowledge import add_document, create_folder, create_knowledge
from rag.types import Problem
from rag.zips import is_unsafe

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

logger = logging.getLogger(__name__)

State = KnowledgeImport.State
Outcome = ImportedFile.Outcome

# A piece of work, after which others have their turn and a stop is seen.
STEP_S = 0.5
BEGINNING_MAX = timedelta(minutes=10)
# A file that ends the process each time it is taken in is left out.
MAX_ATTEMPTS = 3


def begin_import(owner: AbstractBaseUser, file: File[bytes], name: str) -> KnowledgeImport:
    """Store an archive and make the knowledge that its files are to be taken into, one after another, by the loop.

    Args:
        name: What the knowledge is called when the archive does not say.

    Raises:
        ImportRefused: Nothing is stored.
    """
    # What it wraps: one without a name counts as closed to Python's ZIP reader.
    archive = Archive(cast("IO[bytes]", file.file))
    if not _has_readable(archive):
        # All that would be left is a knowledge with nothing in it.
        raise ImportRefused(Problem.EMPTY)
    called, described = archive.name or name, archive.description
    begun = KnowledgeImport(n_files=len(archive.files))
    file.seek(0)
    begun.file.save("archive.zip", file, save=False)
    try:
        with transaction.atomic():
            begun.knowledge = create_knowledge(
                owner, called[:KNOWLEDGE_NAME_MAX_LENGTH], described[:DESCRIPTION_MAX_LENGTH]
            )
            begun.save(force_insert=True)
    except BaseException:
        begun.file.delete(save=False)
        raise
    transaction.on_commit(waking.imports)
    return begun


def _has_readable(archive: Archive) -> bool:
    """Whether some file can be taken, as far as its bytes tell: mostly the first one, else all are looked at."""
    n_bytes = 0
    for planned in archive.files:
        if planned.problem:
            continue
        with _temporary_file() as copy:
            try:
                archive.copy(planned, copy)
                check_upload(File(copy), display_name(planned.name))
            except (NotTaken, UploadRefused):
                n_bytes += copy.tell()
            else:
                return True
        if n_bytes > conf.max_import_bytes():
            # A list can name one large file again and again: that is not looked at while its sender waits.
            return True
    return False


def stop_import(running: KnowledgeImport) -> None:
    """Take no more of an archive; what was taken stays."""
    if KnowledgeImport.objects.filter(pk=running.pk, state=State.RUNNING).update(state=State.STOPPED):
        _forget_archive(running)


def go_on() -> bool:
    """Take in the next piece of the archive that waits longest; return whether there may be more to do."""
    waiting = KnowledgeImport.objects.filter(state=State.RUNNING).select_related("knowledge__owner")
    running = waiting.order_by("worked_at", "pk").first()
    if running is None:
        return False
    try:
        with running.file.open("rb") as file:
            _take_piece(running, Archive(file))
    except (ImportRefused, FileNotFoundError):
        _end(running, State.FAILED, Problem.BROKEN)
    if not KnowledgeImport.objects.filter(pk=running.pk).exists():
        # Its knowledge was deleted meanwhile.
        running.file.delete(save=False)
    return True


def _take_piece(running: KnowledgeImport, archive: Archive) -> None:
    n_done = running.files.count()
    if not n_done:
        for path in archive.folders:
            _folder(running.knowledge, path)
    still_running = KnowledgeImport.objects.filter(pk=running.pk, state=State.RUNNING)
    running.n_attempts += 1
    still_running.update(n_attempts=running.n_attempts, worked_at=timezone.now())
    folders: dict[str, KnowledgeFolder | None] = {}
    deadline = time.monotonic() + STEP_S
    for position in range(n_done, len(archive.files)):
        # It may have been stopped, or its knowledge deleted.
        if not still_running.exists() or not _take(running, archive, position, folders):
            return
        if running.n_attempts > 1:
            running.n_attempts = 1
            still_running.update(n_attempts=1)
        if time.monotonic() > deadline and position + 1 < len(archive.files):
            return
    is_empty = not running.files.exclude(outcome="").exists()
    _end(running, State.FAILED if is_empty else State.DONE, Problem.EMPTY if is_empty else None)


def _take(
    running: KnowledgeImport, archive: Archive, position: int, folders: dict[str, KnowledgeFolder | None]
) -> bool:
    """Take in one file: document, place in the knowledge and the note of it are stored together or not at all.

    Return False when that was not to be done here.

    Args:
        folders: Those that this piece has met already, by their path in the archive.
    """
    planned = archive.files[position]
    noted = ImportedFile(
        source=running,
        position=position,
        name=planned.name[:IMPORTED_NAME_MAX_LENGTH],
        folder=planned.folder[:IMPORTED_NAME_MAX_LENGTH],
    )
    try:
        if running.n_attempts > MAX_ATTEMPTS:
            raise NotTaken(Problem.CRASHED)
        if planned.problem:
            raise NotTaken(planned.problem)
        if planned.folder not in folders:
            folders[planned.folder] = _folder(running.knowledge, planned.folder)
        _take_document(running.knowledge, archive, planned, noted, folders[planned.folder])
    except NotTaken as exc:
        noted.problem = exc.problem
        noted.save(force_insert=True)
    except (IntegrityError, Document.DoesNotExist):
        # Another process has taken this file, or its folder or the knowledge is deleted; the next piece tells.
        logger.info("File %d of import %d was not taken here", position, running.pk)
        return False
    return True


def _take_document(
    knowledge: Knowledge, archive: Archive, planned: Planned, noted: ImportedFile, folder: KnowledgeFolder | None
) -> None:
    def place(document: Document) -> None:
        with transaction.atomic():
            add_document(knowledge, document, folder)
            noted.save(force_insert=True)

    owner = knowledge.owner
    with _temporary_file() as copy:
        sha256 = archive.copy(planned, copy)
        is_known = Document.objects.filter(owner=owner, sha256=sha256, synced_folder=None).exists()
        noted.outcome = Outcome.KNOWN if is_known else Outcome.TAKEN
        try:
            create_document(owner, File(copy, name=planned.name), together_with=place)
        except UploadRefused as exc:
            noted.outcome = ""
            raise NotTaken(exc.problem) from exc


def _temporary_file() -> IO[bytes]:
    return tempfile.TemporaryFile(dir=conf.temporary_folder())


def _folder(knowledge: Knowledge, path: str) -> KnowledgeFolder | None:
    """Return a folder for a path, or the top where the path cannot be one here."""
    try:
        return create_folder(knowledge, path) if path and not is_unsafe(path) else None
    except FolderRefused:
        return None


def _end(running: KnowledgeImport, state: str, problem: Problem | None) -> None:
    KnowledgeImport.objects.filter(pk=running.pk, state=State.RUNNING).update(state=state, error=problem or "")
    _forget_archive(running)


def left_over_archives() -> list[str]:
    """Return stored archives that no import knows of. One of this moment belongs to an import that is being begun."""
    if not default_storage.exists(ARCHIVES_FOLDER):
        return []
    stored = [f"{ARCHIVES_FOLDER}/{name}" for name in default_storage.listdir(ARCHIVES_FOLDER)[1]]
    known = set(KnowledgeImport.objects.values_list("file", flat=True))
    oldest_young = timezone.now() - BEGINNING_MAX
    return [name for name in stored if name not in known and default_storage.get_modified_time(name) < oldest_young]


def _forget_archive(ended: KnowledgeImport) -> None:
    """Remove an archive. Its name stays in the row until it is gone."""
    if ended.file.name:
        default_storage.delete(ended.file.name)
        KnowledgeImport.objects.filter(pk=ended.pk).update(file="")
