"""Chats that come from outside as rows: each is one transaction, and all of them are written here.

An id of the file is kept where it is free or the person's own already; else the chat gets another one, always the same.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from django.core.files.base import File
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

import rag.api as rag
from rag.errors import PageNotFetched, UploadRefused
from webui.accounts.models import User
from webui.chats.conf import MAX_FOLDER_SOURCES, MAX_FOLDERS, MAX_PINNED, SYSTEM_PROMPT_MAX_CHARS
from webui.chats.errors import ChatError
from webui.chats.models import Chat, Citation, Folder, Generation, Image, Message, Rating
from webui.chats.queries import kept_chats, visible_folders
from webui.chats.search import index
from webui.chats.services.images import Redrawn, keep_image, redraw_unless
from webui.chats.services.tags import add_tags, tags_named
from webui.chats.services.uploads import note_upload
from webui.chats.transfer import values
from webui.chats.transfer.shapes import (
    Note,
    TakenChat,
    TakenCitation,
    TakenFile,
    TakenFolder,
    TakenGeneration,
    TakenImage,
    TakenMessage,
    TakenRating,
    TakenSource,
)
from webui.presets.errors import PictureRefused

N_CANDIDATES = 8
"""So often an id can be taken by a chat that is not the person's, or that they have deleted."""
_IDS_AT_ONCE = 500

NoteDocument = Callable[[rag.Document], None]


def _leave_unnoted(_document: rag.Document) -> None:
    """For whoever finds a document anyway that is left without its chat."""


class Files(Protocol):
    """Where the files of a chat come from."""

    def open(self, wanted: TakenFile) -> File[bytes] | None:
        """Return an open file that the caller closes; None when it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a chat. `is_known`: the person had it already, and it is as it was."""

    chat: Chat
    is_known: bool = False


def import_chat(
    owner: User,
    taken: TakenChat,
    files: Files,
    *,
    note_document: NoteDocument = _leave_unnoted,
    together_with: Callable[[Imported], None] = lambda _imported: None,
) -> Imported:
    """Store a chat with all that belongs to it, unless its owner has it.

    Its documents are stored before it, and go again if it cannot be stored.

    Args:
        note_document: Notes a new document, in the transaction that stores it: after the death of this process it is
            there without its chat.
        together_with: Stores what belongs to the chat, in the transaction that stores it.
    """
    if known := _known_chat(owner, taken):
        imported = Imported(chat=known, is_known=True)
        together_with(imported)
        return imported
    with _Documents(owner, files, taken.notes, note_document) as documents, _Pictures(files, taken) as pictures:
        documents.take(_files_of(taken))
        pictures.draw()
        with transaction.atomic():
            chat = _store(owner, taken, documents, pictures)
            imported = Imported(chat=chat)
            together_with(imported)
    return imported


def import_folder(
    owner: User, taken: TakenFolder, files: Files, *, note_document: NoteDocument = _leave_unnoted
) -> Folder | None:
    """Store a folder, or return the person's own with that id; None when they have as many as there may be."""
    if found := _known_folder(owner, taken):
        return found
    with _Documents(owner, files, {}, note_document) as documents:
        documents.take(taken.files)
        with transaction.atomic():
            return _store_folder(owner, taken, documents)


def _store_folder(owner: User, taken: TakenFolder, documents: _Documents) -> Folder | None:
    if folder := _folder(owner, taken):
        folder.documents.add(*[found for file in taken.files if (found := documents.of(file))][:MAX_FOLDER_SOURCES])
        folder.knowledge.add(*rag.readable_knowledge(owner).filter(uuid__in=_uuids(taken.knowledge)))
    return folder


# ---- ids -----------------------------------------------------------------------------------------


def _candidates(owner: User, identity: str) -> list[UUID]:
    wanted = values.as_uuid(identity)
    others = [uuid.uuid5(owner.uuid, f"{identity}:{number}") for number in range(N_CANDIDATES)]
    return [wanted, *others] if wanted else others


def _known_chat(owner: User, taken: TakenChat) -> Chat | None:
    return Chat.objects.filter(uuid__in=_candidates(owner, taken.id), owner=owner, deleted_at=None).first()


def _free(candidates: Sequence[UUID], model: type[Chat] | type[Folder]) -> UUID:
    taken = set(model._base_manager.filter(uuid__in=candidates).values_list("uuid", flat=True))
    return next((candidate for candidate in candidates if candidate not in taken), uuid.uuid4())


def _free_ids(
    space: UUID, wanted: Iterable[str], model: type[Message] | type[Generation] | type[Image]
) -> dict[str, UUID]:
    """Return an id for each row of a chat: the wanted one where nothing has it, else one of this chat's own."""
    asked = {identity: values.as_uuid(identity) or uuid.uuid5(space, identity) for identity in wanted}
    ids = list(asked.values())
    taken: set[UUID] = set()
    for at in range(0, len(ids), _IDS_AT_ONCE):
        taken.update(model._base_manager.filter(uuid__in=ids[at : at + _IDS_AT_ONCE]).values_list("uuid", flat=True))
    found: dict[str, UUID] = {}
    for identity, wanted_id in asked.items():
        # Two that are written differently may be the same one.
        found[identity] = wanted_id if wanted_id not in taken else uuid.uuid4()
        taken.add(wanted_id)
    return found


def _uuids(identities: Iterable[str]) -> list[UUID]:
    return [found for identity in identities if (found := values.as_uuid(identity))]


# ---- files ---------------------------------------------------------------------------------------


def _files_of(taken: TakenChat) -> Iterable[TakenFile]:
    for message in taken.messages:
        yield from message.files
        # What is cited is taken along if it goes with a bundle; for its name alone no document is made.
        yield from (citation.document for citation in message.citations if citation.document)


class _Documents:
    """The documents that the files of a chat have become. Left on an error, the new ones are deleted."""

    def __init__(self, owner: User, files: Files, notes: dict[Note, int], note_new: NoteDocument) -> None:
        self._owner = owner
        self._files = files
        self._notes = notes
        self._note_new = note_new
        self._found: dict[TakenFile, rag.Document | None] = {}
        self._new: list[rag.Document] = []

    def __enter__(self) -> _Documents:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind:
            for document in self._new:
                rag.delete_document(document)

    def of(self, file: TakenFile) -> rag.Document | None:
        return self._found.get(file)

    def take(self, wanted: Iterable[TakenFile]) -> None:
        for file in dict.fromkeys(wanted):
            if file not in self._found:
                self._found[file] = self._there(file) or self._stored(file)

    def _there(self, file: TakenFile) -> rag.Document | None:
        """Return what the person has or may read already."""
        if file.sha256:
            own = rag.Document.objects.filter(owner=self._owner, sha256=file.sha256)
            return own.order_by(F("synced_folder").asc(nulls_first=True)).first()
        if shared := values.as_uuid(file.id):
            return rag.readable_documents(self._owner).filter(uuid=shared).first()
        return None

    def _stored(self, file: TakenFile) -> rag.Document | None:
        opened = self._files.open(file)
        if opened is None:
            self._note(Note.MISSING_FILES)
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
                self._note(Note.REFUSED_FILES)
                return None
        if is_new:
            self._new.append(document)
        return document

    def _note(self, note: Note) -> None:
        self._notes[note] = self._notes.get(note, 0) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """A picture whose bytes lie in a file, its preview behind it."""

    message: TakenMessage
    wanted: TakenImage
    picture: Redrawn
    n_bytes: int
    n_preview_bytes: int


class _Pictures:
    """The pictures of a chat: drawn before anything is stored, and kept in a nameless file until then."""

    def __init__(self, files: Files, taken: TakenChat) -> None:
        self._files = files
        self._taken = taken
        self._drawn: list[_Drawn] = []
        self._file = tempfile.TemporaryFile(dir=rag.temporary_folder())  # noqa: SIM115  (closed with the block)

    def __enter__(self) -> _Pictures:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def draw(self) -> None:
        for message in self._taken.messages:
            for wanted in message.images:
                if picture := self._redrawn(wanted):
                    self._put_aside(message, wanted, picture)

    def _redrawn(self, wanted: TakenImage) -> Redrawn | None:
        opened = self._files.open(wanted.file)
        if opened is None:
            self._taken.notes[Note.MISSING_FILES] += 1
            return None
        with opened:
            try:
                return redraw_unless(opened, wanted.file.sha256 if wanted.is_drawn_here else "")
            except PictureRefused:
                self._taken.notes[Note.REFUSED_FILES] += 1
                return None

    def _put_aside(self, message: TakenMessage, wanted: TakenImage, picture: Redrawn) -> None:
        self._file.write(picture.content)
        self._file.write(picture.preview)
        drawn = _Drawn(
            message=message,
            wanted=wanted,
            picture=replace(picture, content=b"", preview=b""),
            n_bytes=len(picture.content),
            n_preview_bytes=len(picture.preview),
        )
        self._drawn.append(drawn)

    def store(self, chat: Chat, messages: Mapping[str, Message]) -> None:
        ids = _free_ids(chat.uuid, (drawn.wanted.id for drawn in self._drawn if drawn.wanted.id), Image)
        self._file.seek(0)
        for drawn in self._drawn:
            content, preview = self._file.read(drawn.n_bytes), self._file.read(drawn.n_preview_bytes)
            fields: dict[str, Any] = {"uuid": ids.get(drawn.wanted.id), "created_at": drawn.wanted.created_at}
            keep_image(
                messages[drawn.message.id],
                drawn.wanted.file.name,
                replace(drawn.picture, content=content, preview=preview),
                **{name: value for name, value in fields.items() if value},
            )


# ---- rows ----------------------------------------------------------------------------------------


def _store(owner: User, taken: TakenChat, documents: _Documents, pictures: _Pictures) -> Chat:
    folder = _folder(owner, taken.folder) if taken.folder else None
    if taken.folder and folder is None:
        taken.notes[Note.FOLDER] += 1
    chat = Chat.objects.create(
        uuid=_free(_candidates(owner, taken.id), Chat),
        owner=owner,
        folder=folder,
        title=taken.title,
        has_automatic_title=taken.has_automatic_title,
        model=taken.model,
        beside=list(taken.beside),
        is_side_by_side=taken.is_side_by_side,
        created_at=taken.created_at,
        updated_at=taken.updated_at,
        is_pinned=taken.is_pinned and _may_be_pinned(owner, taken),
        archived_at=taken.archived_at,
        system_prompt=taken.system_prompt,
        options=dict(taken.options),
    )
    _tag(chat, taken)
    messages = _store_messages(chat, taken.messages)
    _attach(owner, taken, messages, documents)
    pictures.store(chat, messages)
    Citation.objects.bulk_create(
        _citation(citation, messages[message.id], documents)
        for message in taken.messages
        for citation in message.citations
    )
    Rating.objects.bulk_create(
        _rating(message.rating, messages[message.id], owner) for message in taken.messages if message.rating
    )
    generations = {message.id: message.generation for message in taken.messages if message.generation}
    ids = _free_ids(chat.uuid, (generation.id for generation in generations.values()), Generation)
    Generation.objects.bulk_create(
        _generation(generation, messages[message_id], owner, ids[generation.id])
        for message_id, generation in generations.items()
    )
    if taken.shown is not None:
        chat.current_message = messages[taken.shown]
        chat.save(update_fields=["current_message"])
    index.index_title(chat)
    index.index_messages(owner.pk, messages.values())
    return chat


def _may_be_pinned(owner: User, taken: TakenChat) -> bool:
    may = kept_chats(owner).filter(is_pinned=True).count() < MAX_PINNED
    taken.notes[Note.PINNED] += not may
    return may


def _tag(chat: Chat, taken: TakenChat) -> None:
    if not taken.tags:
        return
    try:
        with transaction.atomic():
            add_tags(chat, tags_named(chat.owner, taken.tags))
    except ChatError:
        taken.notes[Note.TAGS] += 1


def _store_messages(chat: Chat, taken: Sequence[TakenMessage]) -> dict[str, Message]:
    """Store messages in their order, so that their ids rise with it, and then who answers whom."""
    uuids = _free_ids(chat.uuid, (message.id for message in taken), Message)
    rows = Message.objects.bulk_create(
        Message(
            uuid=uuids[message.id],
            chat=chat,
            role=message.role,
            content=message.content,
            thinking=message.thinking,
            model=message.model,
            preset_name=message.preset_name,
            answerer=message.answerer,
            picture_wish=message.picture_wish,
            ends_context=message.ends_context,
            follow_ups=list(message.follow_ups),
            merged_from=[_source(source, uuids) for source in message.merged_from],
            created_at=message.created_at,
        )
        for message in taken
    )
    stored = {message.id: row for message, row in zip(taken, rows, strict=True)}
    parents = [(stored[message.parent].pk, stored[message.id].pk) for message in taken if message.parent is not None]
    if parents:
        table = connection.ops.quote_name(Message._meta.db_table)
        with connection.cursor() as cursor:
            # A parent's id is known only now.
            cursor.executemany(f"UPDATE {table} SET parent_id = %s WHERE id = %s", parents)  # noqa: S608  (our name)
    return stored


def _source(source: TakenSource, uuids: Mapping[str, UUID]) -> dict[str, str]:
    """One that is not in the file any more keeps the id that it had: nothing of this chat is found by that."""
    return {"message": str(uuids.get(source.id, values.as_uuid(source.id) or "")), "name": source.name}


def _attach(owner: User, taken: TakenChat, messages: Mapping[str, Message], documents: _Documents) -> None:
    attached = {
        (messages[message.id].pk, document.pk)
        for message in taken.messages
        for file in message.files
        if (document := documents.of(file))
    }
    _link(Message.documents.through, "document_id", attached)
    wanted = {identity for message in taken.messages for identity in message.knowledge}
    readable = {row.uuid: row.pk for row in rag.readable_knowledge(owner).filter(uuid__in=_uuids(wanted))}
    asked = set()
    for message in taken.messages:
        for identity in message.knowledge:
            pk = readable.get(values.as_uuid(identity) or UUID(int=0))
            if pk is None:
                taken.notes[Note.KNOWLEDGE] += 1
            else:
                asked.add((messages[message.id].pk, pk))
    _link(Message.knowledge.through, "knowledge_id", asked)


def _link(through: Any, column: str, pairs: Iterable[tuple[int, int]]) -> None:
    through.objects.bulk_create(through(message_id=message, **{column: other}) for message, other in sorted(pairs))


def _citation(taken: TakenCitation, message: Message, documents: _Documents) -> Citation:
    document = documents.of(taken.document) if taken.document else None
    return Citation(
        message=message,
        number=taken.number,
        document=document,
        document_name=taken.document_name,
        # What is linked is asked for each time that it is shown; words of a file alone are the person's own.
        is_of_own_document=taken.is_of_own_document if document or not taken.text else True,
        page=taken.page,
        page_kind=taken.page_kind,
        page_name=taken.page_name,
        start=taken.start,
        end=taken.end,
        text=taken.text,
        score=taken.score,
    )


def _rating(taken: TakenRating, message: Message, owner: User) -> Rating:
    return Rating(
        message=message,
        rated_by=owner,
        is_good=taken.is_good,
        reasons=list(taken.reasons),
        comment=taken.comment,
        rated_at=taken.rated_at,
    )


def _generation(taken: TakenGeneration, message: Message, owner: User, free: UUID) -> Generation:
    return Generation(
        uuid=free,
        message=message,
        asked_by=owner,
        state=taken.state,
        error_code=taken.error_code,
        error_facts=dict(taken.error_facts),
        created_at=taken.created_at,
        heartbeat_at=taken.heartbeat_at,
        first_delta_at=taken.first_delta_at,
        finished_at=taken.finished_at,
        prompt_tokens=taken.prompt_tokens,
        answer_tokens=taken.answer_tokens,
        cached_tokens=taken.cached_tokens,
        timings=dict(taken.timings),
        ledger=dict(taken.ledger),
    )


def _known_folder(owner: User, taken: TakenFolder) -> Folder | None:
    return visible_folders(owner).filter(uuid__in=_candidates(owner, taken.id)).first()


def _folder(owner: User, taken: TakenFolder) -> Folder | None:
    """Return the person's folder of that id, which may be a new one; None when there may be no more."""
    if found := _known_folder(owner, taken):
        return found
    if visible_folders(owner).count() >= MAX_FOLDERS:
        return None
    made = Folder(
        uuid=_free(_candidates(owner, taken.id), Folder),
        owner=owner,
        name=taken.name,
        system_prompt=taken.system_prompt[:SYSTEM_PROMPT_MAX_CHARS],
        is_open=taken.is_open,
    )
    if taken.created_at:
        made.created_at = taken.created_at
    made.save(force_insert=True)
    return made
