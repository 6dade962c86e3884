"""The files of chats that come from outside: documents and pictures, which are there before the rows of the chats."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import IO, Any, Protocol

from django.core.files.base import File
from django.db.models import F
from django.utils import timezone

import rag.api as rag
from rag.errors import PageNotFetched, UploadRefused
from webui.accounts.models import User
from webui.chats.services.images import Redrawn, redraw_unless
from webui.chats.services.uploads import note_upload
from webui.chats.transfer import values
from webui.chats.transfer.shapes import Note, TakenChat, TakenFile, TakenImage, TakenMessage
from webui.presets.errors import PictureRefused

NoteDocument = Callable[[rag.Document], None]


class Files(Protocol):
    """Where the files of a chat come from."""

    def open(self, wanted: TakenFile) -> File[bytes] | None:
        """Return an open file that the caller closes; None when it is not there."""


def files_of(taken: TakenChat) -> Iterator[TakenFile]:
    for message in taken.messages:
        yield from message.files
        # What is cited is taken along if it goes with a bundle; for its name alone no document is made.
        yield from (citation.document for citation in message.citations if citation.document)


class Documents:
    """The documents that the files of chats have become. Left on an error, the new ones are deleted."""

    def __init__(self, owner: User, files: Files, note_new: NoteDocument) -> None:
        self._owner = owner
        self._files = files
        self._note_new = note_new
        self._found: dict[TakenFile, rag.Document | None] = {}
        self._new: list[rag.Document] = []

    def __enter__(self) -> Documents:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind:
            for document in self._new:
                rag.delete_document(document)

    def of(self, file: TakenFile) -> rag.Document | None:
        return self._found.get(file)

    def take(self, wanted: Iterable[TakenFile], notes: dict[Note, int]) -> None:
        """Find or store the files of one chat or folder; `notes` get those that cannot be had."""
        for file in dict.fromkeys(wanted):
            # Of a file that was not to be had each chat is told.
            if self._found.get(file) is None:
                self._found[file] = self._there(file) or self._stored(file, notes)

    def _there(self, file: TakenFile) -> rag.Document | None:
        """Return what the person has or may read already."""
        if file.sha256:
            own = rag.Document.objects.filter(owner=self._owner, sha256=file.sha256)
            return own.order_by(F("synced_folder").asc(nulls_first=True)).first()
        if shared := values.as_uuid(file.id):
            return rag.readable_documents(self._owner).filter(uuid=shared).first()
        return None

    def _stored(self, file: TakenFile, notes: dict[Note, int]) -> rag.Document | None:
        opened = self._files.open(file)
        if opened is None:
            _count(notes, Note.MISSING_FILES)
            return None
        began, is_new = timezone.now(), False

        def note_new(document: rag.Document) -> None:
            nonlocal is_new
            is_new = document.created_at >= began
            if is_new:
                self._note_new(document)
                if file.is_upload:
                    note_upload(document, since=began)

        with opened:
            try:
                if file.source_url:
                    document = rag.keep_page(self._owner, opened, file.source_url, together_with=note_new)
                else:
                    document = rag.create_document(self._owner, opened, together_with=note_new)
            except (UploadRefused, PageNotFetched):
                _count(notes, Note.REFUSED_FILES)
                return None
        if is_new:
            self._new.append(document)
        return document


def _count(notes: dict[Note, int], note: Note) -> None:
    notes[note] = notes.get(note, 0) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A picture of a message. Its bytes lie in a file until it is asked for."""

    message: TakenMessage
    wanted: TakenImage
    picture: Redrawn
    n_bytes: int
    n_preview_bytes: int


class Pictures:
    """The pictures of chats: drawn before anything is stored, and kept in a nameless file until then."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._drawn: list[list[Drawn]] = []
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._file:
            self._file.close()

    def draw(self, taken: TakenChat) -> None:
        """Draw those of the next chat."""
        drawn = []
        for message in taken.messages:
            for wanted in message.images:
                if picture := self._redrawn(wanted, taken.notes):
                    drawn.append(self._put_aside(message, wanted, picture))
        self._drawn.append(drawn)

    def _redrawn(self, wanted: TakenImage, notes: dict[Note, int]) -> Redrawn | None:
        opened = self._files.open(wanted.file)
        if opened is None:
            _count(notes, Note.MISSING_FILES)
            return None
        with opened:
            try:
                return redraw_unless(opened, wanted.file.sha256 if wanted.is_drawn_here else "")
            except PictureRefused:
                _count(notes, Note.REFUSED_FILES)
                return None

    def _put_aside(self, message: TakenMessage, wanted: TakenImage, picture: Redrawn) -> Drawn:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=rag.temporary_folder())  # noqa: SIM115  (closed with the block)
        self._file.write(picture.content)
        self._file.write(picture.preview)
        return Drawn(
            message=message,
            wanted=wanted,
            picture=replace(picture, content=b"", preview=b""),
            n_bytes=len(picture.content),
            n_preview_bytes=len(picture.preview),
        )

    def of_each(self) -> Iterator[list[Drawn]]:
        """Yield the pictures of one chat after the other; `whole` reads them in this order."""
        if self._file:
            self._file.seek(0)
        yield from self._drawn

    def whole(self, drawn: Drawn) -> Redrawn:
        """Return the next picture with its bytes."""
        file: Any = self._file
        return replace(drawn.picture, content=file.read(drawn.n_bytes), preview=file.read(drawn.n_preview_bytes))
