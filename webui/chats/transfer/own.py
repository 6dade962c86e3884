"""Our own form of a chat in JSON, as bundles and single exports hold it. See docs/reference/chat-bundles.md."""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.signing import Signer
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from webui.accounts.models import User
from webui.chats.conf import MAX_FOLDER_SOURCES, MAX_TAGS_OF_CHAT, SYSTEM_PROMPT_MAX_CHARS
from webui.chats.models import (
    COMMENT_MAX_LENGTH,
    FOLDER_NAME_MAX_LENGTH,
    TAG_NAME_MAX_LENGTH,
    TITLE_MAX_LENGTH,
    BadReason,
    Chat,
    Citation,
    Folder,
    Generation,
    GoodReason,
    Image,
    Message,
    Rating,
)
from webui.chats.shown_branch import seen
from webui.chats.transfer import values
from webui.chats.transfer.limits import (
    CITED_MAX_CHARS,
    FOLLOW_UP_MAX_CHARS,
    MAX_BESIDE,
    MAX_CITATIONS,
    MAX_FILES_OF_MESSAGE,
    MAX_FOLLOW_UPS,
    MAX_IMAGES_OF_MESSAGE,
    MAX_MERGED,
    MAX_MESSAGES,
)
from webui.chats.transfer.shapes import (
    Note,
    NotTaken,
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
from webui.chats.transfer.trees import arrange
from webui.chats.wishes import PictureWish
from webui.chats.wording import explain
from webui.presets.options import stored_options

MARK = "hearth_chat"
"""The key that tells such a chat from others; its value is the version of the form."""
VERSION = 1
FILES = "files"
PICTURES = "pictures"

_ENDS = (Generation.State.FINISHED, Generation.State.STOPPED, Generation.State.FAILED, Generation.State.INTERRUPTED)


# ---- out -----------------------------------------------------------------------------------------


def written(chat: Chat, *, is_alone: bool = False) -> dict[str, Any]:
    """Return a chat as it is kept outside. Reads what `bundle.with_everything` prefetches.

    Args:
        is_alone: In a file of its own, which holds its pictures too; a bundle has them beside it.
    """
    uuids = {message.pk: str(message.uuid) for message in chat.messages.all()}
    shown = uuids.get(chat.current_message_id) if chat.current_message_id else None
    return {
        MARK: VERSION,
        "id": str(chat.uuid),
        "title": chat.title,
        "has_automatic_title": chat.has_automatic_title,
        "model": chat.model,
        "beside": chat.beside,
        "is_side_by_side": chat.is_side_by_side,
        "created_at": _iso(chat.created_at),
        "updated_at": _iso(chat.updated_at),
        "is_pinned": chat.is_pinned,
        "archived_at": _iso(chat.archived_at),
        "tags": sorted(tag.name for tag in chat.tags.all()),
        "system_prompt": chat.system_prompt,
        "options": chat.options,
        "folder": {"id": str(chat.folder.uuid), "name": chat.folder.name} if chat.folder else None,
        "shown": shown,
        "messages": [_message(message, chat.owner, uuids, is_alone=is_alone) for message in chat.messages.all()],
    }


def written_folder(folder: Folder) -> dict[str, Any]:
    return {
        "id": str(folder.uuid),
        "name": folder.name,
        "created_at": _iso(folder.created_at),
        "system_prompt": folder.system_prompt,
        "is_open": folder.is_open,
        "documents": [
            _document(document, folder.owner_id, is_upload=document.is_upload)  # type: ignore[attr-defined]
            for document in folder.documents.all()
        ],
        "knowledge": [_knowledge(knowledge) for knowledge in folder.knowledge.all()],
    }


def _message(message: Message, owner: User, uuids: Mapping[int, str], *, is_alone: bool) -> dict[str, Any]:
    generation = message.its_generation
    rating = next(iter(message.ratings.all()), None)
    said = {
        "id": str(message.uuid),
        "parent": uuids.get(message.parent_id) if message.parent_id else None,
        "role": message.role,
        "content": message.content,
        "created_at": _iso(message.created_at),
        "thinking": message.thinking,
        "model": message.model,
        "preset_name": message.preset_name,
        "answerer": message.answerer,
        "picture_wish": message.picture_wish,
        "ends_context": message.ends_context,
        "follow_ups": message.follow_ups,
        "merged_from": [{"id": one["message"], "name": one["name"]} for one in message.merged_from],
        "images": [_image(image, owner, is_alone=is_alone) for image in message.images.all()],
        "documents": [
            _document(document, owner.pk, is_upload=document.is_upload)  # type: ignore[attr-defined]
            for document in message.documents.all()
        ],
        "knowledge": [_knowledge(knowledge) for knowledge in message.knowledge.all()],
        "citations": [
            _citation(
                seen(citation, is_readable=citation.is_readable),  # type: ignore[attr-defined]
                owner.pk,
                is_upload=citation.is_upload,  # type: ignore[attr-defined]
            )
            for citation in message.citations.all()
        ],
        "rating": _rating(rating) if rating else None,
        "generation": _generation(generation, message, owner) if generation else None,
    }
    # What is empty most of the time would be most of the file.
    return {
        key: value for key, value in said.items() if key in ("parent", "content") or value not in ("", [], None, False)
    }


def _image(image: Image, owner: User, *, is_alone: bool) -> dict[str, Any]:
    content = {"data": base64.b64encode(image.content).decode()} if is_alone else {"file": image_entry(image)}
    return content | {
        "id": str(image.uuid),
        "name": image.name,
        "created_at": _iso(image.created_at),
        "sha256": image.digest,
        "seal": _seal_of_image(image.digest, owner),
    }


def _seal_of_image(digest: str, owner: User) -> str:
    """Return what proves that this server drew a picture of that person: it need not be drawn, and lose, again."""
    return Signer(salt="webui.chats.transfer.image").signature(f"{owner.uuid} {digest}")


def image_entry(image: Image) -> str:
    """Return where in a bundle a picture lies."""
    return f"{PICTURES}/{image.digest}"


def _document(document: Any, owner_id: int, *, is_upload: bool) -> dict[str, Any]:
    """Return what tells a document of one's own anywhere, and one that somebody shares on this server alone."""
    if document.owner_id != owner_id:
        return {"name": document.name, "id": str(document.uuid)}
    said = {
        "name": document.name,
        "sha256": document.sha256,
        "source_url": document.source_url,
        "is_upload": is_upload,
    }
    return {key: value for key, value in said.items() if value} | {"file": file_entry(document)}


def file_entry(document: Any) -> str:
    """Return where in a bundle the file of a document lies."""
    return f"{FILES}/{document.sha256}"


def _knowledge(knowledge: Any) -> dict[str, str]:
    return {"id": str(knowledge.uuid), "name": knowledge.name}


def _citation(citation: Citation, owner_id: int, *, is_upload: bool) -> dict[str, Any]:
    document = citation.document
    return {
        "number": citation.number,
        "document": _document(document, owner_id, is_upload=is_upload) if document else None,
        "document_name": citation.document_name,
        "is_of_own_document": citation.is_of_own_document,
        "page": citation.page,
        "page_kind": citation.page_kind,
        "page_name": citation.page_name,
        "start": citation.start,
        "end": citation.end,
        "text": citation.text,
        "score": citation.score,
    }


def _rating(rating: Rating) -> dict[str, Any]:
    return {
        "is_good": rating.is_good,
        "reasons": rating.reasons,
        "comment": rating.comment,
        "rated_at": _iso(rating.rated_at),
    }


def _generation(generation: Generation, message: Message, owner: User) -> dict[str, Any]:
    return {
        "id": str(generation.uuid),
        # Whatever becomes of it here: what is taken along is what there is of it now.
        "state": Generation.State.INTERRUPTED if generation.is_active else generation.state,
        "created_at": _iso(generation.created_at),
        "heartbeat_at": _iso(generation.heartbeat_at),
        "first_delta_at": _iso(generation.first_delta_at),
        "finished_at": _iso(generation.finished_at),
        "error_code": generation.error_code,
        "error_facts": generation.error_facts,
        "prompt_tokens": generation.prompt_tokens,
        "answer_tokens": generation.answer_tokens,
        "cached_tokens": generation.cached_tokens,
        "timings": generation.timings,
        "ledger": generation.ledger,
        "ledger_seal": _seal(generation.ledger, str(message.uuid), owner) if generation.ledger else "",
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _seal(ledger: Mapping[str, Any], message_id: str, owner: User) -> str:
    """Return what proves that this server wrote a ledger, for that answer to that person.

    Pages show it as their own record and look up what it names: it is no text that somebody may make up.
    """
    said = json.dumps([str(owner.uuid), message_id, ledger], sort_keys=True, ensure_ascii=True)
    return Signer(salt="webui.chats.transfer.ledger").signature(said)


# ---- in ------------------------------------------------------------------------------------------


def is_own(found: Mapping[str, Any]) -> bool:
    return MARK in found


def read(found: Mapping[str, Any], owner: User) -> TakenChat:
    """Raises NotTaken."""
    rows = found.get("messages")
    if found.get(MARK) != VERSION or not isinstance(rows, list):
        raise NotTaken(Note.NOT_A_CHAT)
    if len(rows) > MAX_MESSAGES:
        raise NotTaken(Note.TOO_MANY_MESSAGES)
    notes: Counter[Note] = Counter()
    now = timezone.now()
    created_at = values.when(found.get("created_at"), notes, now)
    left_out: dict[str, str | None] = {}
    messages = []
    for row in rows:
        if message := _read_message(values.mapping(row), owner, created_at, notes):
            messages.append(message)
        else:
            notes[Note.NO_MESSAGE] += 1
            left_out[values.identity(values.mapping(row).get("id"))] = _parent(values.mapping(row))
    shown = values.identity(found.get("shown")) or None
    arranged = arrange(messages, notes, left_out)
    if shown is not None and all(message.id != shown for message in arranged):
        notes[Note.NO_SHOWN] += 1
        shown = None
    return TakenChat(
        id=values.identity(found.get("id")),
        title=title(found.get("title"), notes),
        has_automatic_title=values.flag(found.get("has_automatic_title")),
        model=values.name(found.get("model"), 255),
        beside=values.texts(found.get("beside"), 255, MAX_BESIDE, notes),
        is_side_by_side=values.flag(found.get("is_side_by_side")),
        created_at=created_at,
        updated_at=values.when(found.get("updated_at"), notes, created_at),
        is_pinned=values.flag(found.get("is_pinned")),
        archived_at=values.moment(found.get("archived_at")),
        tags=values.texts(found.get("tags"), TAG_NAME_MAX_LENGTH, MAX_TAGS_OF_CHAT, notes),
        system_prompt=values.text(found.get("system_prompt"), notes, SYSTEM_PROMPT_MAX_CHARS),
        options=read_options(found.get("options"), notes),
        folder=read_folder(values.mapping(found.get("folder")), notes),
        messages=arranged,
        shown=shown,
        notes=notes,
    )


def title(value: object, notes: Counter[Note]) -> str:
    if len(values.plain(value)) > TITLE_MAX_LENGTH:
        notes[Note.CUT_TITLE] += 1
    return values.name(value, TITLE_MAX_LENGTH)


def read_options(found: object, notes: Counter[Note]) -> dict[str, Any]:
    """Return the options of models that are known here, with values that they may have."""
    given = values.mapping(found)
    try:
        options = dict(stored_options(given))
    except RecursionError:
        options = {}
    notes[Note.OPTIONS] += sum(value is not None and name not in options for name, value in given.items())
    return options


def read_folder(found: Mapping[str, Any], notes: Counter[Note]) -> TakenFolder | None:
    name, identity = values.name(found.get("name"), FOLDER_NAME_MAX_LENGTH), values.identity(found.get("id"))
    if not name or not identity:
        return None
    return TakenFolder(
        id=identity,
        name=name,
        created_at=values.moment(found.get("created_at")),
        system_prompt=values.text(found.get("system_prompt"), notes, SYSTEM_PROMPT_MAX_CHARS),
        is_open=found.get("is_open") is not False,
        files=_read_documents(found.get("documents"), MAX_FOLDER_SOURCES, notes),
        knowledge=_read_knowledge(found.get("knowledge"), MAX_FOLDER_SOURCES, notes),
    )


def _parent(found: Mapping[str, Any]) -> str | None:
    return values.identity(found.get("parent")) or None


def _read_message(
    found: Mapping[str, Any], owner: User, otherwise: datetime, notes: Counter[Note]
) -> TakenMessage | None:
    role = found.get("role")
    if role not in Message.Role.values:
        return None
    identity = values.identity(found.get("id"))
    generation = found.get("generation")
    return TakenMessage(
        id=identity,
        parent=_parent(found),
        role=role,
        content=values.text(found.get("content"), notes),
        created_at=values.when(found.get("created_at"), notes, otherwise),
        thinking=values.text(found.get("thinking"), notes),
        model=values.name(found.get("model"), 255),
        preset_name=values.name(found.get("preset_name"), 100),
        answerer=values.name(found.get("answerer"), 255),
        picture_wish=_read_wish(found.get("picture_wish")),
        ends_context=values.flag(found.get("ends_context")),
        files=_read_documents(found.get("documents"), MAX_FILES_OF_MESSAGE, notes),
        images=_read_images(found.get("images"), owner, notes),
        follow_ups=values.texts(found.get("follow_ups"), FOLLOW_UP_MAX_CHARS, MAX_FOLLOW_UPS, notes),
        merged_from=_read_merged(found.get("merged_from"), notes),
        knowledge=_read_knowledge(found.get("knowledge"), MAX_FILES_OF_MESSAGE, notes),
        citations=_read_citations(found.get("citations"), notes),
        rating=_read_rating(values.mapping(found.get("rating")), otherwise, notes),
        generation=_read_generation(values.mapping(generation), identity, owner, notes) if generation else None,
    )


def _read_wish(found: object) -> dict[str, Any] | None:
    try:
        return PictureWish.read(found).as_json()
    except ValueError:
        return None


def _read_merged(found: object, notes: Counter[Note]) -> list[TakenSource]:
    return [
        TakenSource(id=values.identity(source.get("id")), name=values.name(source.get("name"), 255))
        for source in values.first_of(values.mappings(found), MAX_MERGED, notes)
    ]


def _read_images(found: object, owner: User, notes: Counter[Note]) -> list[TakenImage]:
    given = values.first_of(values.mappings(found), MAX_IMAGES_OF_MESSAGE, notes)
    return [_read_image(item, owner) for item in given]


def _read_image(found: Mapping[str, Any], owner: User) -> TakenImage:
    digest, seal = values.plain(found.get("sha256"))[:64], found.get("seal")
    try:
        content = base64.b64decode(values.plain(found.get("data")))
    except (binascii.Error, ValueError):
        content = b""
    is_ours = isinstance(seal, str) and seal.isascii() and constant_time_compare(_seal_of_image(digest, owner), seal)
    file = TakenFile(
        name=values.plain(found.get("name"))[:400],
        entry=values.plain(found.get("file"))[:400],
        content=content,
        sha256=digest,
    )
    return TakenImage(
        id=values.identity(found.get("id")),
        file=file,
        created_at=values.moment(found.get("created_at")),
        is_drawn_here=is_ours,
    )


def _read_documents(found: object, most: int, notes: Counter[Note]) -> list[TakenFile]:
    return [_read_document(item) for item in values.first_of(values.mappings(found), most, notes)]


def _read_document(found: Mapping[str, Any]) -> TakenFile:
    return TakenFile(
        name=values.plain(found.get("name"))[:400],
        entry=values.plain(found.get("file"))[:400],
        sha256=values.plain(found.get("sha256"))[:64],
        source_url=values.plain(found.get("source_url"))[:2000],
        id=values.identity(found.get("id")),
        is_upload=values.flag(found.get("is_upload")),
    )


def _read_knowledge(found: object, most: int, notes: Counter[Note]) -> list[str]:
    given = (values.identity(item.get("id")) for item in values.mappings(found))
    return values.first_of(filter(None, given), most, notes)


def _read_citations(found: object, notes: Counter[Note]) -> list[TakenCitation]:
    by_number: dict[int, TakenCitation] = {}
    for item in values.first_of(values.mappings(found), MAX_CITATIONS, notes):
        number, start, end, page = (values.count(item.get(key)) for key in ("number", "start", "end", "page"))
        if number is None or start is None or end is None or number in by_number:
            notes[Note.RECORDS] += 1
            continue
        document = values.mapping(item.get("document"))
        by_number[number] = TakenCitation(
            number=number,
            document=_read_document(document) if document else None,
            document_name=values.name(item.get("document_name"), 255),
            is_of_own_document=item.get("is_of_own_document") is not False,
            page=page,
            page_kind=values.name(item.get("page_kind"), 10) or "page",
            page_name=values.plain(item.get("page_name"))[:200],
            start=start,
            end=end,
            text=values.text(item.get("text"), notes, CITED_MAX_CHARS),
            score=values.figure(item.get("score")),
        )
    return [*by_number.values()]


def _read_rating(found: Mapping[str, Any], otherwise: datetime, notes: Counter[Note]) -> TakenRating | None:
    is_good = found.get("is_good")
    if not isinstance(is_good, bool):
        return None
    known = GoodReason.values if is_good else BadReason.values
    return TakenRating(
        is_good=is_good,
        reasons=[reason for reason in values.texts(found.get("reasons"), 40, len(known), notes) if reason in known],
        comment=values.text(found.get("comment"), notes, COMMENT_MAX_LENGTH),
        rated_at=values.when(found.get("rated_at"), notes, otherwise),
    )


def _read_generation(
    found: Mapping[str, Any], message_id: str, owner: User, notes: Counter[Note]
) -> TakenGeneration | None:
    state, began = found.get("state"), values.moment(found.get("created_at"))
    if state not in _ENDS or began is None:
        notes[Note.RECORDS] += 1
        return None
    error_code, error_facts = _read_error(found, notes)
    timings = {
        key[:40]: number
        for key, value in [*values.mapping(found.get("timings")).items()][:40]
        if (number := values.figure(value)) is not None and number >= 0
    }
    return TakenGeneration(
        id=values.identity(found.get("id")),
        state=state,
        created_at=began,
        heartbeat_at=values.moment(found.get("heartbeat_at")) or began,
        first_delta_at=values.moment(found.get("first_delta_at")),
        finished_at=values.moment(found.get("finished_at")),
        error_code=error_code,
        error_facts=error_facts,
        prompt_tokens=values.count(found.get("prompt_tokens")),
        answer_tokens=values.count(found.get("answer_tokens")),
        cached_tokens=values.count(found.get("cached_tokens")),
        timings=timings,
        ledger=_read_ledger(found, message_id, owner, notes),
    )


def _read_error(found: Mapping[str, Any], notes: Counter[Note]) -> tuple[str, dict[str, Any]]:
    """Return what went wrong, if words can be made of it."""
    code = values.name(found.get("error_code"), 40)
    facts = {
        values.plain(key)[:40]: values.plain(value)[:2000] if isinstance(value, str) else value
        for key, value in [*values.mapping(found.get("error_facts")).items()][:40]
        if isinstance(value, str) or values.figure(value) is not None
    }
    if not code:
        return "", {}
    try:
        explain(code, facts)
    except (TypeError, ValueError, KeyError):
        notes[Note.RECORDS] += 1
        return code, {}
    return code, facts


def _read_ledger(found: Mapping[str, Any], message_id: str, owner: User, notes: Counter[Note]) -> Mapping[str, Any]:
    ledger = values.mapping(found.get("ledger"))
    if not ledger:
        return {}
    seal = found.get("ledger_seal")
    if isinstance(seal, str) and seal.isascii() and _is_sealed(ledger, message_id, owner, seal):
        return ledger
    notes[Note.RECORDS] += 1
    return {}


def _is_sealed(ledger: Mapping[str, Any], message_id: str, owner: User, seal: str) -> bool:
    try:
        return constant_time_compare(_seal(ledger, message_id, owner), seal)
    except (ValueError, RecursionError):
        return False
