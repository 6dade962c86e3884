"""Chats as ChatGPT exports them: a tree of nodes, of which some are messages and the others how an answer came about.

What was not shown there, such as searches and the code that ran, goes with the thoughts of the answer below it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from webui.chats.transfer import own, values
from webui.chats.transfer.limits import MAX_FILES_OF_MESSAGE, MAX_IMAGES_OF_MESSAGE, MAX_MESSAGES
from webui.chats.transfer.shapes import Note, NotTaken, TakenChat, TakenFile, TakenFolder, TakenImage, TakenMessage
from webui.chats.transfer.trees import arrange, leaf_below

_TEXTS = ("text", "multimodal_text")
_THOUGHTS = ("thoughts", "reasoning_recap")
_NOT_SHOWN = ("user_editable_context", "model_editable_context")
_POINTERS = ("file-service://", "sediment://")
# What it puts around the marks of its citations.
_PRIVATE = dict.fromkeys(range(0xE200, 0xE210))


def is_chatgpts(found: Mapping[str, Any]) -> bool:
    return isinstance(found.get("mapping"), dict)


def read(found: Mapping[str, Any], entry_named: Callable[[str], str]) -> TakenChat:
    """Return a chat. Raises NotTaken.

    Args:
        entry_named: Returns where in the archive a file is that ChatGPT calls so; empty where it is not.
    """
    notes: Counter[Note] = Counter()
    created_at = values.when(found.get("create_time"), notes, timezone.now())
    mapping = values.mapping(found.get("mapping"))
    if len(mapping) > MAX_MESSAGES:
        raise NotTaken(Note.TOO_MANY_MESSAGES)
    messages: list[TakenMessage] = []
    left_out: dict[str, str | None] = {}
    hidden: dict[str, str] = {}
    for key, value in mapping.items():
        node = values.mapping(value)
        message = values.mapping(node.get("message"))
        identity, parent = values.identity(key), values.identity(node.get("parent")) or None
        if _is_shown(message):
            messages.append(_message(identity, parent, message, created_at, entry_named, notes))
        else:
            left_out[identity] = parent
            if told := _told(message):
                hidden[identity] = told
    if not messages:
        raise NotTaken(Note.NO_MESSAGES)
    _hand_down(messages, left_out, hidden, notes)
    arranged, joined = _joined(arrange(messages, notes, left_out))
    shown: str | None = values.identity(found.get("current_node")) or None
    for _step in left_out:
        if shown is None or shown not in left_out:
            break
        shown = left_out[shown]
    newest = max(message.created_at for message in arranged)
    project = values.identity(found.get("gizmo_id"))
    is_project = project.startswith("g-p-")
    return TakenChat(
        id=values.identity(found.get("conversation_id")) or values.identity(found.get("id")),
        title=own.title(found.get("title"), notes),
        model=values.name(found.get("default_model_slug"), 255),
        created_at=created_at,
        updated_at=values.when(found.get("update_time"), notes, newest),
        archived_at=newest if values.flag(found.get("is_archived")) else None,
        is_pinned=values.flag(found.get("is_starred")),
        folder=TakenFolder(id=f"chatgpt:{project}", name=f"ChatGPT {project[4:12]}") if is_project else None,
        messages=arranged,
        shown=leaf_below(arranged, joined.get(shown or ""), notes),
        notes=notes,
    )


def _is_shown(message: Mapping[str, Any]) -> bool:
    author, content = values.mapping(message.get("author")), values.mapping(message.get("content"))
    about = values.mapping(message.get("metadata"))
    if values.flag(about.get("is_visually_hidden_from_user_message")) or author.get("role") not in (
        "user",
        "assistant",
    ):
        return False
    if message.get("recipient") not in (None, "all") or content.get("content_type") not in _TEXTS:
        return False
    return any(not isinstance(part, str) or part.strip() for part in values.items(content.get("parts")))


def _message(
    identity: str,
    parent: str | None,
    message: Mapping[str, Any],
    otherwise: datetime,
    entry_named: Callable[[str], str],
    notes: Counter[Note],
) -> TakenMessage:
    is_answer = values.mapping(message.get("author")).get("role") == "assistant"
    about = values.mapping(message.get("metadata"))
    words: list[str] = []
    files: dict[str, TakenFile] = {}
    pictures: set[str] = set()
    for part in values.items(values.mapping(message.get("content")).get("parts")):
        if isinstance(part, str):
            words.append(part)
        elif pointer := _pointer(part):
            files.setdefault(pointer, _file(pointer, "", entry_named))
            # What a model has drawn goes with its answer as a document does.
            if not is_answer:
                pictures.add(pointer)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            # What was said aloud.
            words.append(part["text"])
        else:
            notes[Note.PARTS] += 1
    for attachment in values.mappings(about.get("attachments")):
        if pointer := values.identity(attachment.get("id")):
            files[pointer] = _file(pointer, values.plain(attachment.get("name"))[:300], entry_named)
    return TakenMessage(
        id=identity,
        parent=parent,
        role="assistant" if is_answer else "user",
        content=values.text("\n\n".join(filter(None, words)).translate(_PRIVATE), notes),
        created_at=values.when(message.get("create_time"), notes, otherwise),
        model=values.name(about.get("model_slug"), 255) if is_answer else "",
        answerer=values.name(about.get("model_slug"), 255) if is_answer else "",
        files=[file for pointer, file in files.items() if pointer not in pictures][:MAX_FILES_OF_MESSAGE],
        images=[TakenImage(file=files[pointer]) for pointer in files if pointer in pictures][:MAX_IMAGES_OF_MESSAGE],
    )


def _pointer(part: object) -> str:
    """Return what a picture is called that a part points to; empty for another part."""
    address = values.plain(part.get("asset_pointer")) if isinstance(part, dict) else ""
    for scheme in _POINTERS:
        if address.startswith(scheme):
            return address.removeprefix(scheme)[:200]
    return ""


def _file(pointer: str, name: str, entry_named: Callable[[str], str]) -> TakenFile:
    entry = entry_named(pointer)
    return TakenFile(name=name or entry.rpartition("/")[2] or pointer, entry=entry)


# ---- what was not shown --------------------------------------------------------------------------


def _told(message: Mapping[str, Any]) -> str:
    """Return what a step on the way to an answer says; empty for what says nothing of it."""
    author, content = values.mapping(message.get("author")), values.mapping(message.get("content"))
    kind = content.get("content_type")
    if author.get("role") not in ("assistant", "tool") or kind in _NOT_SHOWN:
        return ""
    if kind in _THOUGHTS:
        thoughts = [values.plain(thought.get("content")) for thought in values.mappings(content.get("thoughts"))]
        return "\n\n".join(filter(None, thoughts))
    texts = [content.get("text"), content.get("result"), *values.items(content.get("parts"))]
    said = "\n".join(values.plain(text) for text in texts if isinstance(text, str)).strip()
    return _fenced(said) if said else ""


def _fenced(said: str) -> str:
    """Return a text as code, with a fence longer than any in it."""
    fence = "```"
    while fence in said:
        fence += "`"
    return f"{fence}\n{said}\n{fence}"


def _hand_down(
    messages: list[TakenMessage], left_out: Mapping[str, str | None], hidden: Mapping[str, str], notes: Counter[Note]
) -> None:
    """Put what was not shown into the thoughts of the answers that come right below it."""
    for message in messages:
        steps: list[str] = []
        at, seen = message.parent, {message.id}
        while at is not None and at in left_out and at not in seen:
            seen.add(at)
            steps.append(hidden.get(at, ""))
            at = left_out[at]
        if message.role == "assistant":
            message.thinking = values.text("\n\n".join(filter(None, reversed(steps))), notes)


def _joined(messages: list[TakenMessage]) -> tuple[list[TakenMessage], dict[str, str]]:
    """Make one answer of those that follow each other without a fork: between them something was looked up.

    Return what is left, and by the id of each message that of the one it is in now.
    """
    n_children = Counter(message.parent for message in messages)
    into: dict[str, TakenMessage] = {}
    kept: list[TakenMessage] = []
    for message in messages:
        above = into.get(message.parent or "")
        if above is None or n_children[above.id] > 1 or (above.role, message.role) != ("assistant", "assistant"):
            message.parent = above.id if above else None
            kept.append(message)
            into[message.id] = message
            continue
        above.content = "\n\n".join(filter(None, (above.content, message.content)))[: values.TEXT_MAX_CHARS]
        above.thinking = "\n\n".join(filter(None, (above.thinking, message.thinking)))[: values.TEXT_MAX_CHARS]
        above.files = [*dict.fromkeys([*above.files, *message.files])][:MAX_FILES_OF_MESSAGE]
        # What is below hangs on the joined one now, which forks where its last part was forked.
        n_children[above.id] = n_children[message.id]
        into[message.id] = above
    return kept, {identity: message.id for identity, message in into.items()}
