"""Chats as ChatGPT exports them: a tree of nodes, of which some are messages and the others how an answer came about.

What was not shown there, such as searches and the code that ran, goes with the thoughts of the answer below it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from webui.chats.conf import SYSTEM_PROMPT_MAX_CHARS
from webui.chats.models import PICTURES
from webui.chats.transfer import own, values
from webui.chats.transfer.chatgpt_messages import Archive, Reader, context, is_shown, project_of, told
from webui.chats.transfer.limits import MAX_FILES_OF_MESSAGE, MAX_IMAGES_OF_MESSAGE, MAX_MESSAGES
from webui.chats.transfer.shapes import Note, NotTaken, TakenChat, TakenFolder, TakenMessage
from webui.chats.transfer.trees import arrange, leaf_below, listed_order, nearest


def is_chatgpts(found: Mapping[str, Any]) -> bool:
    return isinstance(found.get("mapping"), dict)


def read(found: Mapping[str, Any], archive: Archive) -> TakenChat:
    """Return a chat. Raises NotTaken."""
    notes: Counter[Note] = Counter()
    created_at = values.when(found.get("create_time"), notes, timezone.now())
    mapping = values.mapping(found.get("mapping"))
    if len(mapping) > MAX_MESSAGES:
        raise NotTaken(Note.TOO_MANY_MESSAGES)
    nodes = {values.identity(key): values.mapping(node) for key, node in mapping.items()}
    parents = {identity: values.identity(node.get("parent")) or None for identity, node in nodes.items()}
    gizmo = values.identity(found.get("gizmo_id")) or values.identity(found.get("conversation_template_id"))
    reader = Reader(archive, created_at, notes, gizmo)
    messages: list[TakenMessage] = []
    left_out: dict[str, str | None] = {}
    steps: dict[str, str] = {}
    contexts: dict[str, str] = {}
    for identity, node in nodes.items():
        message = values.mapping(node.get("message"))
        if is_shown(message):
            messages.append(reader.message(identity, parents[identity], message))
            continue
        left_out[identity] = parents[identity]
        if step := told(message):
            steps[identity] = step
            continue
        kind, said = context(message)
        if said:
            # They stand at the head of each branch, as they were then.
            contexts[kind] = said
        else:
            notes[Note.HIDDEN] += _says_something(message)
    messages += _give_steps(messages, left_out, steps, reader)
    if not messages:
        raise NotTaken(Note.NO_MESSAGES)
    listed = {identity: _identities(node.get("children")) for identity, node in nodes.items()}
    arranged, joined = _joined(arrange(messages, notes, left_out, listed_order(parents, listed)), notes)
    for one in arranged:
        reader.number_citations(one)
    shown = values.identity(found.get("current_node"))
    shown = nearest(left_out, {*joined}).get(shown, shown) or ""
    newest = max(one.created_at for one in arranged)
    return TakenChat(
        id=values.identity(found.get("conversation_id")) or values.identity(found.get("id")),
        title=own.title(found.get("title"), notes),
        model=values.name(found.get("default_model_slug"), 255),
        created_at=created_at,
        updated_at=values.when(found.get("update_time"), notes, newest),
        archived_at=newest if values.flag(found.get("is_archived")) else None,
        is_pinned=values.flag(found.get("is_starred")),
        folder=_project(project_of(gizmo)),
        system_prompt=values.text("\n\n".join(contexts.values()), notes, SYSTEM_PROMPT_MAX_CHARS),
        messages=arranged,
        shown=leaf_below(arranged, joined.get(shown), notes),
        notes=notes,
    )


def _identities(found: object) -> list[str]:
    return [values.identity(child) for child in values.items(found)]


def _project(identity: str) -> TakenFolder | None:
    """Return a folder for the chats of a project, whose name is not in the file."""
    if not identity:
        return None
    return TakenFolder(id=f"chatgpt:{identity}", name=f"ChatGPT {identity[4:12]}")


def _says_something(message: Mapping[str, Any]) -> bool:
    parts = values.items(values.mapping(message.get("content")).get("parts"))
    return any(part.strip() if isinstance(part, str) else part for part in parts)


# ---- what was not shown --------------------------------------------------------------------------


def _give_steps(
    messages: Sequence[TakenMessage], left_out: dict[str, str | None], steps: dict[str, str], reader: Reader
) -> list[TakenMessage]:
    """Put the steps on the way to answers into the thoughts of those; return answers that came to nothing else.

    Each step goes to one answer, the first below it: whatever a file says, no text is in the chat twice.
    """
    passed: set[str] = set()
    for message in messages:
        if message.role == "assistant":
            way = _way_up(message.parent, left_out, passed)
            message.thinking = reader.text("\n\n".join(steps.pop(at) for at in reversed(way) if at in steps))
    for message in messages:
        if message.role == "user":
            _way_up(message.parent, left_out, passed)
    there = {message.id: message for message in messages}
    above = nearest(left_out, there)
    later: dict[str | None, list[str]] = defaultdict(list)
    for identity in steps:
        near = there.get(above[identity] or "")
        if identity in passed and (near is None or near.role == "user"):
            # Between two messages of the person no answer has come of it.
            reader.notes[Note.HIDDEN] += 1
        else:
            later[near.id if near else None].append(identity)
    ends = []
    for place, last_steps in later.items():
        near, said = there.get(place or ""), "\n\n".join(steps[step] for step in last_steps)
        if near and near.role == "assistant":
            near.thinking = reader.text("\n\n".join(filter(None, (near.thinking, said))))
        else:
            end = last_steps[-1]
            left_out.pop(end)
            ends.append(reader.unfinished(end, near, said))
    return ends


def _way_up(parent: str | None, left_out: Mapping[str, str | None], passed: set[str]) -> list[str]:
    """Return what was left out right above a message, the nearest first, up to where another has passed."""
    way = []
    at = parent
    while at is not None and at in left_out and at not in passed:
        passed.add(at)
        way.append(at)
        at = left_out[at]
    return way


def _joined(messages: Sequence[TakenMessage], notes: Counter[Note]) -> tuple[list[TakenMessage], dict[str, str]]:
    """Make one answer of those that follow each other without a fork: between them something was looked up.

    Return what is left, and by the id of each message that of the one it is in now.
    """
    n_children = Counter(message.parent for message in messages)
    into: dict[str, TakenMessage] = {}
    parts: dict[str, list[TakenMessage]] = {}
    kept: list[TakenMessage] = []
    for message in messages:
        above = into.get(message.parent or "")
        if above is None or n_children[above.id] > 1 or (above.role, message.role) != ("assistant", "assistant"):
            message.parent = above.id if above else None
            kept.append(message)
            into[message.id] = message
            parts[message.id] = [message]
            continue
        parts[above.id].append(message)
        # What is below hangs on the joined one now, which forks where its last part was forked.
        n_children[above.id] = n_children[message.id]
        into[message.id] = above
    for message in kept:
        if len(parts[message.id]) > 1:
            _join(message, parts[message.id], notes)
        if message.role == "assistant" and message.images:
            message.answerer = PICTURES
    return kept, {identity: message.id for identity, message in into.items()}


def _join(first: TakenMessage, parts: Sequence[TakenMessage], notes: Counter[Note]) -> None:
    first.content = values.text("\n\n".join(filter(None, (part.content for part in parts))), notes)
    first.thinking = values.text("\n\n".join(filter(None, (part.thinking for part in parts))), notes)
    first.files = values.first_of(
        dict.fromkeys(file for part in parts for file in part.files), MAX_FILES_OF_MESSAGE, notes
    )
    first.images = values.first_of((image for part in parts for image in part.images), MAX_IMAGES_OF_MESSAGE, notes)
    first.model = first.answerer = next((part.model for part in parts if part.model), "")
    first.preset_name = next((part.preset_name for part in parts if part.preset_name), "")
    first.rating = next((part.rating for part in parts if part.rating), None)
