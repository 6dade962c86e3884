"""Chats that come from outside as rows: each is stored whole or not at all, and all of them are written here.

An id of the file is kept where it is free or the person's own already; else the chat gets another one, always the same.

Several chats are stored at once, as a transaction, an index and a list of rows each cost about as much as a chat.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

import rag.api as rag
from webui.accounts.models import User
from webui.chats.conf import MAX_FOLDER_SOURCES, MAX_FOLDERS, MAX_PINNED, SYSTEM_PROMPT_MAX_CHARS
from webui.chats.errors import ChatError
from webui.chats.models import Chat, Citation, Folder, Generation, Image, Message, Rating, Tag, tag_key
from webui.chats.queries import kept_chats, visible_folders
from webui.chats.search import index
from webui.chats.services.images import keep_image
from webui.chats.services.imported_files import Documents, Files, NoteDocument, Pictures, files_of
from webui.chats.services.tags import tags_named
from webui.chats.transfer import values
from webui.chats.transfer.shapes import (
    Note,
    TakenChat,
    TakenCitation,
    TakenFolder,
    TakenGeneration,
    TakenRating,
    TakenSource,
)

N_CANDIDATES = 8
"""So often an id can be taken by a chat that is not the person's, or that they have deleted."""
_IDS_AT_ONCE = 500


def _leave_unnoted(_document: rag.Document) -> None:
    """For whoever finds a document anyway that is left without its chat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a chat. `is_known`: the person had it already, and it is as it was."""

    chat: Chat
    is_known: bool = False


def import_chats(
    owner: User,
    all_taken: Sequence[TakenChat],
    files: Files,
    *,
    note_document: NoteDocument = _leave_unnoted,
    together_with: Callable[[Sequence[Imported]], None] = lambda _imported: None,
) -> list[Imported]:
    """Store chats with all that belongs to them, but for those that their owner has; all or, on an error, none.

    Their documents are stored before them, and go again if they cannot be stored.

    Args:
        all_taken: No two of them may become the same chat: see `ids_of`.
        note_document: Notes a new document, in the transaction that stores it: after the death of this process it is
            there without its chat.
        together_with: Stores what belongs to the chats, in the transaction that stores them.
    """
    known = _known_chats(owner, all_taken)
    new = [taken for taken, chat in zip(all_taken, known, strict=True) if chat is None]
    with Documents(owner, files, note_document) as documents, Pictures(files) as pictures:
        for taken in new:
            documents.take(files_of(taken), taken.notes)
            pictures.draw(taken)
        # Before the transaction, in which nobody else can write: it is a third of the work.
        grams = [_grams_of(taken) for taken in new]
        with transaction.atomic():
            stored = iter(_store(owner, new, documents, pictures, grams) if new else [])
            imported = [Imported(chat=chat, is_known=True) if chat else Imported(chat=next(stored)) for chat in known]
            together_with(imported)
    return imported


def import_folder(
    owner: User, taken: TakenFolder, files: Files, *, note_document: NoteDocument = _leave_unnoted
) -> Folder | None:
    """Store a folder, or return the person's own with that id; None when they have as many as there may be."""
    if found := _known_folder(owner, taken):
        return found
    with Documents(owner, files, note_document) as documents:
        documents.take(taken.files, {})
        with transaction.atomic():
            return _store_folder(owner, taken, documents)


def _store_folder(owner: User, taken: TakenFolder, documents: Documents) -> Folder | None:
    if folder := _folder(owner, taken):
        folder.documents.add(*[found for file in taken.files if (found := documents.of(file))][:MAX_FOLDER_SOURCES])
        folder.knowledge.add(*rag.readable_knowledge(owner).filter(uuid__in=_uuids(taken.knowledge)))
    return folder


# ---- ids -----------------------------------------------------------------------------------------


def ids_of(owner: User, identity: str) -> list[UUID]:
    """Return the ids that a chat or a folder of a file can have here, the one that is tried first at the beginning."""
    wanted = values.as_uuid(identity)
    others = [uuid.uuid5(owner.uuid, f"{identity}:{number}") for number in range(N_CANDIDATES)]
    return [wanted, *others] if wanted else others


def _known_chats(owner: User, all_taken: Sequence[TakenChat]) -> list[Chat | None]:
    """Return for each the chat that the person has already; one query."""
    ids = [ids_of(owner, taken.id) for taken in all_taken]
    asked = [one for of_one in ids for one in of_one]
    found = {chat.uuid: chat for chat in _with_ids(Chat.objects.filter(owner=owner, deleted_at=None), asked)}
    return [min((found[one] for one in of_one if one in found), key=_pk, default=None) for of_one in ids]


def _pk(row: Chat) -> int:
    return row.pk


def _with_ids(rows: Any, ids: Sequence[UUID]) -> Iterator[Any]:
    for at in range(0, len(ids), _IDS_AT_ONCE):
        yield from rows.filter(uuid__in=ids[at : at + _IDS_AT_ONCE])


def _taken_ids(
    model: type[Chat] | type[Folder] | type[Message] | type[Generation] | type[Image], ids: Sequence[UUID]
) -> set[UUID]:
    return set(_with_ids(model._base_manager.values_list("uuid", flat=True), ids))


def _free(candidates: Sequence[UUID], taken: set[UUID]) -> UUID:
    return next((candidate for candidate in candidates if candidate not in taken), uuid.uuid4())


def _free_ids(model: type[Message] | type[Generation] | type[Image], wanted: Sequence[tuple[UUID, str]]) -> list[UUID]:
    """Return an id for each row of chats: the wanted one where nothing has it, else one of its chat's own.

    Args:
        wanted: The id of the chat, and what the file calls the row.
    """
    asked = [values.as_uuid(identity) or uuid.uuid5(space, identity) for space, identity in wanted]
    taken = _taken_ids(model, asked)
    found = []
    for wanted_id in asked:
        # Two that are written differently may be the same one.
        found.append(wanted_id if wanted_id not in taken else uuid.uuid4())
        taken.add(wanted_id)
    return found


def _uuids(identities: Iterable[str]) -> list[UUID]:
    return [found for identity in identities if (found := values.as_uuid(identity))]


# ---- rows ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Grams:
    """What a chat is found by: its title, and its messages by their ids in the file."""

    title: index.Grams
    messages: Mapping[str, index.Grams]


def _grams_of(taken: TakenChat) -> _Grams:
    said = (message for message in taken.messages if message.role in index.INDEXED_ROLES)
    return _Grams(
        index.grams_stored(taken.title), {message.id: index.grams_stored(message.content) for message in said}
    )


def _store(
    owner: User, all_taken: Sequence[TakenChat], documents: Documents, pictures: Pictures, grams: Sequence[_Grams]
) -> list[Chat]:
    """Store chats that are new; as many statements as one of them needs, but for pictures, new tags and folders."""
    chats = _store_chats(owner, all_taken)
    _tag(owner, chats, all_taken)
    of_each = _store_messages(chats, all_taken)
    rows = [
        (message, messages[message.id])
        for taken, messages in zip(all_taken, of_each, strict=True)
        for message in taken.messages
    ]
    _attach(owner, all_taken, of_each, documents)
    _store_pictures(chats, of_each, pictures)
    Citation.objects.bulk_create(
        _citation(citation, row, documents) for message, row in rows for citation in message.citations
    )
    Rating.objects.bulk_create(_rating(message.rating, row, owner) for message, row in rows if message.rating)
    answers = [(message.generation, row) for message, row in rows if message.generation]
    spaces = {chat.pk: chat.uuid for chat in chats}
    ids = _free_ids(Generation, [(spaces[row.chat_id], generation.id) for generation, row in answers])
    Generation.objects.bulk_create(
        _generation(generation, row, owner, free) for (generation, row), free in zip(answers, ids, strict=True)
    )
    _show(chats, all_taken, of_each)
    index.index_grams(owner.pk, _found_by(chats, of_each, grams))
    return chats


def _found_by(
    chats: Sequence[Chat], of_each: Sequence[Mapping[str, Message]], grams: Sequence[_Grams]
) -> Iterator[tuple[index.Kind, int, index.Grams]]:
    for chat, messages, said in zip(chats, of_each, grams, strict=True):
        yield "title", chat.pk, said.title
        for identity, found in said.messages.items():
            yield "message", messages[identity].pk, found


def _store_chats(owner: User, all_taken: Sequence[TakenChat]) -> list[Chat]:
    ids = [ids_of(owner, taken.id) for taken in all_taken]
    used = _taken_ids(Chat, [one for of_one in ids for one in of_one])
    folders = _Folders(owner)
    pins = _Pins(owner)
    return Chat.objects.bulk_create(
        Chat(
            uuid=_free(of_one, used),
            owner=owner,
            folder=folders.of(taken),
            title=taken.title,
            has_automatic_title=taken.has_automatic_title,
            model=taken.model,
            beside=list(taken.beside),
            is_side_by_side=taken.is_side_by_side,
            created_at=taken.created_at,
            updated_at=taken.updated_at,
            is_pinned=taken.is_pinned and pins.has_room(taken),
            archived_at=taken.archived_at,
            system_prompt=taken.system_prompt,
            options=dict(taken.options),
        )
        for taken, of_one in zip(all_taken, ids, strict=True)
    )


class _Folders:
    """The folders that chats of a file are in, each looked up once."""

    def __init__(self, owner: User) -> None:
        self._owner = owner
        self._found: dict[str, Folder | None] = {}

    def of(self, taken: TakenChat) -> Folder | None:
        """Return the folder of a chat, which may be a new one; None, with a note, when there may be no more."""
        if taken.folder is None:
            return None
        if taken.folder.id not in self._found:
            self._found[taken.folder.id] = _folder(self._owner, taken.folder)
        found = self._found[taken.folder.id]
        taken.notes[Note.FOLDER] += found is None
        return found


class _Pins:
    """How many more chats can be pinned; asked for when the first is."""

    def __init__(self, owner: User) -> None:
        self._owner = owner
        self._n_free: int | None = None

    def has_room(self, taken: TakenChat) -> bool:
        if self._n_free is None:
            self._n_free = MAX_PINNED - kept_chats(self._owner).filter(is_pinned=True).count()
        has_room = self._n_free > 0
        self._n_free -= has_room
        taken.notes[Note.PINNED] += not has_room
        return has_room


def _tag(owner: User, chats: Sequence[Chat], all_taken: Sequence[TakenChat]) -> None:
    keys = {tag_key(name) for taken in all_taken for name in taken.tags}
    known = {tag.key: tag for tag in Tag.objects.filter(owner=owner, key__in=keys)} if keys else {}
    through: Any = Chat.tags.through
    links: list[Any] = []
    for chat, taken in zip(chats, all_taken, strict=True):
        wanted = {tag_key(name) for name in taken.tags}
        try:
            if not wanted <= known.keys():
                with transaction.atomic():
                    known |= {tag.key: tag for tag in tags_named(owner, taken.tags)}
        except ChatError:
            taken.notes[Note.TAGS] += 1
        else:
            links += [through(chat_id=chat.pk, tag_id=known[key].pk) for key in wanted]
    through.objects.bulk_create(links)


def _store_messages(chats: Sequence[Chat], all_taken: Sequence[TakenChat]) -> list[dict[str, Message]]:
    """Store messages in their order, so that their ids rise with it, and then who answers whom."""
    given = [(chat, message) for chat, taken in zip(chats, all_taken, strict=True) for message in taken.messages]
    ids = _free_ids(Message, [(chat.uuid, message.id) for chat, message in given])
    uuids = {(chat.pk, message.id): free for (chat, message), free in zip(given, ids, strict=True)}
    rows = Message.objects.bulk_create(
        Message(
            uuid=uuids[chat.pk, message.id],
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
            merged_from=[_source(chat, source, uuids) for source in message.merged_from],
            created_at=message.created_at,
        )
        for chat, message in given
    )
    each = iter(rows)
    stored = [{message.id: next(each) for message in taken.messages} for taken in all_taken]
    _set_on_rows(
        Message,
        "parent_id",
        [
            (messages[message.parent].pk, messages[message.id].pk)
            for taken, messages in zip(all_taken, stored, strict=True)
            for message in taken.messages
            if message.parent is not None
        ],
    )
    return stored


def _set_on_rows(model: type[Message] | type[Chat], column: str, pairs: Sequence[tuple[int, int]]) -> None:
    """Let rows name others, whose ids are known only now: pairs of what is named, and where."""
    if pairs:
        table = connection.ops.quote_name(model._meta.db_table)
        with connection.cursor() as cursor:
            cursor.executemany(f"UPDATE {table} SET {column} = %s WHERE id = %s", pairs)  # noqa: S608  (our names)


def _source(chat: Chat, source: TakenSource, uuids: Mapping[tuple[int, str], UUID]) -> dict[str, str]:
    """One that is not in the file any more keeps the id that it had: nothing of this chat is found by that."""
    return {"message": str(uuids.get((chat.pk, source.id), values.as_uuid(source.id) or "")), "name": source.name}


def _show(chats: Sequence[Chat], all_taken: Sequence[TakenChat], of_each: Sequence[Mapping[str, Message]]) -> None:
    shown = []
    for chat, taken, messages in zip(chats, all_taken, of_each, strict=True):
        if taken.shown is not None:
            chat.current_message = messages[taken.shown]
            shown.append((messages[taken.shown].pk, chat.pk))
    _set_on_rows(Chat, "current_message_id", shown)


def _store_pictures(chats: Sequence[Chat], of_each: Sequence[Mapping[str, Message]], pictures: Pictures) -> None:
    for chat, messages, drawn in zip(chats, of_each, pictures.of_each(), strict=True):
        named = [picture for picture in drawn if picture.wanted.id]
        free = iter(_free_ids(Image, [(chat.uuid, picture.wanted.id) for picture in named]) if named else [])
        for picture in drawn:
            fields: dict[str, Any] = {
                "uuid": next(free) if picture.wanted.id else None,
                "created_at": picture.wanted.created_at,
            }
            keep_image(
                messages[picture.message.id],
                picture.wanted.file.name,
                pictures.whole(picture),
                **{name: value for name, value in fields.items() if value},
            )


def _attach(
    owner: User, all_taken: Sequence[TakenChat], of_each: Sequence[Mapping[str, Message]], documents: Documents
) -> None:
    attached: set[tuple[int, int]] = set()
    asked: set[tuple[int, int]] = set()
    wanted = _uuids({identity for taken in all_taken for message in taken.messages for identity in message.knowledge})
    readable = {row.uuid: row.pk for row in _with_ids(rag.readable_knowledge(owner), wanted)}
    for taken, messages in zip(all_taken, of_each, strict=True):
        for message in taken.messages:
            row = messages[message.id].pk
            attached |= {(row, document.pk) for file in message.files if (document := documents.of(file))}
            for identity in message.knowledge:
                pk = readable.get(values.as_uuid(identity) or UUID(int=0))
                if pk is None:
                    taken.notes[Note.KNOWLEDGE] += 1
                else:
                    asked.add((row, pk))
    _link(Message.documents.through, "document_id", attached)
    _link(Message.knowledge.through, "knowledge_id", asked)


def _link(through: Any, column: str, pairs: Iterable[tuple[int, int]]) -> None:
    through.objects.bulk_create(through(message_id=message, **{column: other}) for message, other in sorted(pairs))


def _citation(taken: TakenCitation, message: Message, documents: Documents) -> Citation:
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
    return visible_folders(owner).filter(uuid__in=ids_of(owner, taken.id)).first()


def _folder(owner: User, taken: TakenFolder) -> Folder | None:
    """Return the person's folder of that id, which may be a new one; None when there may be no more."""
    if found := _known_folder(owner, taken):
        return found
    if visible_folders(owner).count() >= MAX_FOLDERS:
        return None
    ids = ids_of(owner, taken.id)
    made = Folder(
        uuid=_free(ids, _taken_ids(Folder, ids)),
        owner=owner,
        name=taken.name,
        system_prompt=taken.system_prompt[:SYSTEM_PROMPT_MAX_CHARS],
        is_open=taken.is_open,
    )
    if taken.created_at:
        made.created_at = taken.created_at
    made.save(force_insert=True)
    return made
