"""Chats as Open WebUI exports them: alone, in an array, and of any of its versions.

Parents are what counts of its trees: lists of children contradict them in the wild.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils import timezone

from webui.chats.conf import MAX_TAGS_OF_CHAT, SYSTEM_PROMPT_MAX_CHARS
from webui.chats.models import COMMENT_MAX_LENGTH, FOLDER_NAME_MAX_LENGTH, TAG_NAME_MAX_LENGTH
from webui.chats.transfer import own, values
from webui.chats.transfer.limits import (
    CITED_MAX_CHARS,
    MAX_BESIDE,
    MAX_CITATIONS,
    MAX_FILES_OF_MESSAGE,
    MAX_IMAGES_OF_MESSAGE,
    MAX_MESSAGES,
)
from webui.chats.transfer.shapes import (
    Note,
    NotTaken,
    Role,
    TakenChat,
    TakenCitation,
    TakenFile,
    TakenFolder,
    TakenImage,
    TakenMessage,
    TakenRating,
)
from webui.chats.transfer.trees import arrange, leaf_below

_ROLES: Mapping[object, Role] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/jpg": "jpg", "image/webp": "webp", "image/gif": "gif"}


def is_open_webuis(found: Mapping[str, Any]) -> bool:
    inner = found.get("chat", found)
    return isinstance(inner, dict) and ("history" in inner or isinstance(inner.get("messages"), list))


def read(found: Mapping[str, Any]) -> TakenChat:
    """Raises NotTaken."""
    inner = values.mapping(found.get("chat", found))
    notes: Counter[Note] = Counter()
    told = inner.get("timestamp") if found.get("created_at") is None else found.get("created_at")
    created_at = values.when(told, notes, timezone.now())
    rows = _rows(inner)
    if len(rows) > MAX_MESSAGES:
        raise NotTaken(Note.TOO_MANY_MESSAGES)
    messages: list[TakenMessage] = []
    left_out: dict[str, str | None] = {}
    for row in rows:
        if message := _message(row, created_at, notes):
            messages.append(message)
        else:
            notes[Note.NO_MESSAGE] += 1
            left_out[values.identity(row.get("id"))] = _parent(row)
    if not messages:
        raise NotTaken(Note.NO_MESSAGES)
    arranged = arrange(messages, notes, left_out)
    models = values.texts(inner.get("models"), 255, MAX_BESIDE + 1)
    newest = max(message.created_at for message in arranged)
    history = values.mapping(inner.get("history"))
    # The oldest exports have one branch only, which needs no mark.
    shown = arranged[-1].id if not history else values.identity(history.get("currentId")) or None
    return TakenChat(
        id=values.identity(found.get("id")) or values.identity(inner.get("id")),
        title=own.title(found.get("title") or inner.get("title"), notes),
        model="".join(models[:1]),
        beside=models[1:],
        created_at=created_at,
        updated_at=values.when(found.get("updated_at"), notes, newest),
        is_pinned=values.flag(found.get("pinned")),
        archived_at=values.when(found.get("updated_at"), notes, newest) if values.flag(found.get("archived")) else None,
        tags=_tags(found, inner),
        system_prompt=values.text(inner.get("system"), notes, SYSTEM_PROMPT_MAX_CHARS),
        options=own.read_options(inner.get("params")),
        folder=_folder(found),
        messages=arranged,
        shown=leaf_below(arranged, shown, notes),
        notes=notes,
    )


def _rows(inner: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the messages, each with its id and its parent."""
    history = values.mapping(values.mapping(inner.get("history")).get("messages"))
    if history:
        return [{**values.mapping(row), "id": key} for key, row in history.items()]
    line = []
    for number, row in enumerate(values.mappings(inner.get("messages"))):
        line.append({**row, "id": str(number), "parentId": str(number - 1) if number else None})
    return line


def _parent(row: Mapping[str, Any]) -> str | None:
    return values.identity(row.get("parentId")) or None


def _tags(found: Mapping[str, Any], inner: Mapping[str, Any]) -> list[str]:
    """Return the names of its tags; it keeps them as "machine_learning", and long ago as {"name"}."""
    given = [*values.items(values.mapping(found.get("meta")).get("tags")), *values.items(inner.get("tags"))]
    names = [tag.get("name") if isinstance(tag, dict) else tag for tag in given]
    written = [name.replace("_", " ") for name in names if isinstance(name, str)]
    return values.texts(written, TAG_NAME_MAX_LENGTH, MAX_TAGS_OF_CHAT)


def _folder(found: Mapping[str, Any]) -> TakenFolder | None:
    """Return the folder of a chat; exports hold its id, and its name hardly ever."""
    folder = values.mapping(found.get("folder"))
    identity = values.identity(found.get("folder_id")) or values.identity(folder.get("id"))
    if not identity:
        return None
    name = values.name(folder.get("name") or found.get("folder_name"), FOLDER_NAME_MAX_LENGTH)
    return TakenFolder(id=f"open-webui-folder:{identity}", name=name or f"Open WebUI {identity[:8]}")


# ---- messages ------------------------------------------------------------------------------------


def _message(row: Mapping[str, Any], otherwise: Any, notes: Counter[Note]) -> TakenMessage | None:
    role = _ROLES.get(row.get("role")) if isinstance(row.get("role"), str) else None
    if role is None:
        return None
    words, found = _content(row.get("content"), notes)
    found += _files(row.get("files"), notes)
    is_answer = role == "assistant"
    # What a model has drawn goes with its answer as a document does.
    images = [] if is_answer else [one for one in found if isinstance(one, TakenImage)]
    files = [one.file if isinstance(one, TakenImage) else one for one in found if one not in images]
    return TakenMessage(
        id=values.identity(row.get("id")),
        parent=_parent(row),
        role=role,
        content=values.text(words, notes),
        created_at=values.when(row.get("timestamp"), notes, otherwise),
        thinking=_thinking(row, notes) if is_answer else "",
        model=values.name(row.get("model"), 255) if is_answer else "",
        answerer=values.name(row.get("model"), 255) if is_answer else "",
        files=files[:MAX_FILES_OF_MESSAGE],
        images=images[:MAX_IMAGES_OF_MESSAGE],
        citations=list(_citations(row.get("sources") or row.get("citations"), notes)) if is_answer else (),
        rating=_rating(values.mapping(row.get("annotation")), row, otherwise, notes) if is_answer else None,
    )


def _content(content: object, notes: Counter[Note]) -> tuple[str, list[TakenFile | TakenImage]]:
    """Return the words and the pictures of a content, which is a text or a list of parts."""
    if not isinstance(content, list):
        if content is not None and not isinstance(content, str):
            notes[Note.PARTS] += 1
        return values.plain(content), []
    words: list[str] = []
    files: list[TakenFile | TakenImage] = []
    for part in content:
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            words.append(part["text"])
        elif isinstance(part, dict) and part.get("type") == "image_url":
            image = part.get("image_url")
            files += _picture(image.get("url") if isinstance(image, dict) else image, "", notes)
        else:
            notes[Note.PARTS] += 1
    return "\n\n".join(words), files


def _files(files: object, notes: Counter[Note]) -> Iterator[TakenFile | TakenImage]:
    """Yield pictures, which stand in the chat, and the texts that were read from files."""
    for item in [*values.mappings(files)][:MAX_FILES_OF_MESSAGE]:
        inner = values.mapping(item.get("file"))
        name = values.plain(item.get("name") or inner.get("filename"))[:300]
        text = values.mapping(inner.get("data")).get("content") or item.get("content")
        if item.get("type") == "image" or str(item.get("url", ""))[:11] == "data:image/":
            yield from _picture(item.get("url"), name, notes)
        elif isinstance(text, str) and text.strip():
            yield TakenFile(name=f"{name or 'document'}.txt", content=values.text(text, notes).encode())
        else:
            notes[Note.MISSING_FILES] += 1


def _picture(url: object, name: str, notes: Counter[Note]) -> Iterator[TakenImage]:
    """Yield the picture of a data address; what lies on another server is not asked for."""
    head, _, data = url.partition(",") if isinstance(url, str) else ("", "", "")
    kind = _PICTURES.get(head.removeprefix("data:").removesuffix(";base64"))
    if kind is None or not head.startswith("data:"):
        notes[Note.MISSING_FILES] += 1
        return
    try:
        content = base64.b64decode(data)
    except (binascii.Error, ValueError):
        notes[Note.MISSING_FILES] += 1
        return
    yield TakenImage(file=TakenFile(name=name or f"picture.{kind}", content=content))


def _thinking(row: Mapping[str, Any], notes: Counter[Note]) -> str:
    direct = row.get("reasoning_content") or row.get("thinking")
    if isinstance(direct, str):
        return values.text(direct, notes)
    thoughts = []
    for item in values.mappings(row.get("output")):
        if item.get("type") == "reasoning":
            parts = [*values.mappings(item.get("summary")), *values.mappings(item.get("content"))]
            thoughts += [values.plain(part.get("text")) for part in parts]
    return values.text("\n\n".join(filter(None, thoughts)), notes)


def _citations(sources: object, notes: Counter[Note]) -> Iterator[TakenCitation]:
    """Yield what an answer cites as [1], [2] ...: in the order of its sources."""
    for number, item in enumerate([*values.mappings(sources)][:MAX_CITATIONS], 1):
        texts = [values.plain(text) for text in values.items(item.get("document"))]
        about = next(values.mappings(item.get("metadata")), {})
        named = values.mapping(item.get("source"))
        words = values.text("\n\n".join(filter(None, texts)), notes, CITED_MAX_CHARS)
        name = named.get("name") or about.get("name") or about.get("source") or named.get("url")
        page = values.count(about.get("page"))
        scores = [score for value in values.items(item.get("distances")) if (score := values.figure(value)) is not None]
        yield TakenCitation(
            number=number,
            document_name=values.name(name, 255),
            text=words,
            end=len(words),
            # It counts them from zero.
            page=page + 1 if page is not None and page < 1_000_000 else None,
            score=max(scores, default=None),
        )


def _rating(
    found: Mapping[str, Any], row: Mapping[str, Any], otherwise: Any, notes: Counter[Note]
) -> TakenRating | None:
    value = values.figure(found.get("rating"))
    if value not in (1, -1):
        return None
    said = [values.plain(found.get(key)).strip() for key in ("reason", "comment")]
    return TakenRating(
        is_good=value == 1,
        # Its reasons are words of its own.
        comment=": ".join(filter(None, said))[:COMMENT_MAX_LENGTH],
        rated_at=values.when(row.get("timestamp"), notes, otherwise),
    )
