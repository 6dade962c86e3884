"""Chats as Open WebUI exports them: alone, in an array, and of any of its versions.

Parents are what counts of its trees: lists of children contradict them in the wild.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils import timezone

from webui.chats.conf import MAX_TAGS_OF_CHAT, SYSTEM_PROMPT_MAX_CHARS
from webui.chats.models import FOLDER_NAME_MAX_LENGTH, TAG_NAME_MAX_LENGTH
from webui.chats.transfer import own, values
from webui.chats.transfer.limits import MAX_BESIDE, MAX_FILES_OF_MESSAGE, MAX_MERGED, MAX_MESSAGES
from webui.chats.transfer.open_webui_messages import parent_of, read_files, read_message
from webui.chats.transfer.shapes import (
    Note,
    NotTaken,
    TakenChat,
    TakenFile,
    TakenFolder,
    TakenMessage,
    TakenSource,
)
from webui.chats.transfer.trees import arrange, leaf_below, listed_order
from webui.presets.options import named_elsewhere


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
    merged: list[tuple[str, str]] = []
    for row in rows:
        if message := read_message(row, created_at, notes):
            messages.append(message)
            if words := _merged(row):
                merged.append((message.id, words))
        else:
            notes[Note.NO_MESSAGE] += 1
            left_out[values.identity(row.get("id"))] = parent_of(row)
    if not messages:
        raise NotTaken(Note.NO_MESSAGES)
    messages += _merged_answers(merged, messages, notes)
    parents = {values.identity(row.get("id")): parent_of(row) for row in rows}
    listed = {values.identity(row.get("id")): _identities(row.get("childrenIds")) for row in rows}
    arranged = arrange(messages, notes, left_out, listed_order(parents, listed))
    _give_files(arranged, rows, inner.get("files"), notes)
    models = values.texts(inner.get("models"), 255, MAX_BESIDE + 1, notes)
    newest = max(message.created_at for message in arranged)
    shown = leaf_below(arranged, _shown(found, inner, arranged), notes)
    params = values.mapping(inner.get("params"))
    # What is said for this chat, and else what its owner had said for all.
    system = params.get("system") or inner.get("system")
    return TakenChat(
        id=values.identity(found.get("id")) or values.identity(inner.get("id")),
        title=own.title(found.get("title") or inner.get("title"), notes),
        model="".join(models[:1]),
        beside=models[1:],
        is_side_by_side=_are_side_by_side(arranged, shown, rows),
        created_at=created_at,
        updated_at=values.when(found.get("updated_at"), notes, newest),
        is_pinned=values.flag(found.get("pinned")),
        archived_at=values.when(found.get("updated_at"), notes, newest) if values.flag(found.get("archived")) else None,
        tags=_tags(found, inner, notes),
        system_prompt=values.text(system, notes, SYSTEM_PROMPT_MAX_CHARS),
        options=own.read_options(named_elsewhere(params), notes),
        folder=_folder(found),
        messages=arranged,
        shown=shown,
        notes=notes,
    )


def _rows(inner: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the messages, each with its id and its parent."""
    rows = values.mapping(inner.get("history")).get("messages")
    if history := values.mapping(rows):
        return [{**values.mapping(row), "id": key} for key, row in history.items()]
    if listed := [*values.mappings(rows)]:
        return [dict(row) for row in listed]
    line = []
    for number, row in enumerate(values.mappings(inner.get("messages"))):
        line.append({**row, "id": str(number), "parentId": str(number - 1) if number else None})
    return line


def _identities(found: object) -> list[str]:
    return [values.identity(child) for child in values.items(found)]


def _shown(found: Mapping[str, Any], inner: Mapping[str, Any], arranged: Sequence[TakenMessage]) -> str | None:
    history = values.mapping(inner.get("history"))
    if not values.items(history.get("messages")) and not values.mapping(history.get("messages")):
        # The oldest exports have one branch only, which needs no mark.
        return arranged[-1].id
    return values.identity(history.get("currentId")) or values.identity(found.get("current_message_id")) or None


def _are_side_by_side(arranged: Sequence[TakenMessage], shown: str | None, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the answers of several models that were asked at once are the end of what was shown."""
    leaf = next((message for message in arranged if message.id == shown), None)
    asked = {values.identity(row.get("id")) for row in rows if len(values.items(row.get("models"))) > 1}
    if leaf is None or leaf.role != "assistant" or leaf.parent not in asked:
        return False
    return len({one.model for one in arranged if one.parent == leaf.parent and one.role == "assistant"}) > 1


def _merged(row: Mapping[str, Any]) -> str:
    """Return what a model made of the answers beside this one, which stands in one of them."""
    return values.plain(values.mapping(row.get("merged")).get("content")).strip()


def _merged_answers(
    merged: Sequence[tuple[str, str]], messages: Sequence[TakenMessage], notes: Counter[Note]
) -> Iterator[TakenMessage]:
    """Yield the merged answers as what they are: further answers to the same questions."""
    by_id = {message.id: message for message in messages}
    answers: dict[str | None, list[TakenMessage]] = defaultdict(list)
    for message in messages if merged else ():
        if message.role == "assistant" and len(answers[message.parent]) < MAX_MERGED:
            answers[message.parent].append(message)
    for identity, words in merged:
        beside = by_id[identity]
        yield TakenMessage(
            id=f"{identity}:merged",
            parent=beside.parent,
            role="assistant",
            content=values.text(words, notes),
            created_at=beside.created_at,
            merged_from=[TakenSource(id=one.id, name=one.model) for one in answers[beside.parent]],
        )


def _give_files(
    arranged: Sequence[TakenMessage], rows: Sequence[Mapping[str, Any]], found: object, notes: Counter[Note]
) -> None:
    """Let the first question have the files of the chat that no message has, and questions those of answers."""
    by_id = {message.id: message for message in arranged}
    first = next((message for message in arranged if message.role == "user"), None)
    had = {values.plain(item.get("name")) for row in rows for item in values.mappings(row.get("files"))}
    named = [item for item in values.mappings(found) if values.plain(item.get("name")) not in had]
    if first is None:
        notes[Note.MISSING_FILES] += len(named)
        return
    given = [file for file in read_files(named, notes) if isinstance(file, TakenFile)]
    first.files = values.first_of([*first.files, *given], MAX_FILES_OF_MESSAGE, notes)
    for message in arranged:
        above = by_id.get(message.parent or "", first)
        if message.role != "user" and message.files and above.role == "user":
            above.files = values.first_of(dict.fromkeys([*above.files, *message.files]), MAX_FILES_OF_MESSAGE, notes)
            message.files = ()


def _tags(found: Mapping[str, Any], inner: Mapping[str, Any], notes: Counter[Note]) -> list[str]:
    """Return the names of its tags; it keeps them as "machine_learning", and long ago as {"name"}."""
    given = [*values.items(values.mapping(found.get("meta")).get("tags")), *values.items(inner.get("tags"))]
    names = [tag.get("name") if isinstance(tag, dict) else tag for tag in given]
    written = [name.replace("_", " ") for name in names if isinstance(name, str)]
    return values.texts(written, TAG_NAME_MAX_LENGTH, MAX_TAGS_OF_CHAT, notes)


def _folder(found: Mapping[str, Any]) -> TakenFolder | None:
    """Return the folder of a chat; exports hold its id, and its name hardly ever."""
    folder = values.mapping(found.get("folder"))
    identity = values.identity(found.get("folder_id")) or values.identity(folder.get("id"))
    if not identity:
        return None
    name = values.name(folder.get("name") or found.get("folder_name"), FOLDER_NAME_MAX_LENGTH)
    return TakenFolder(id=f"open-webui-folder:{identity}", name=name or f"Open WebUI {identity[:8]}")
