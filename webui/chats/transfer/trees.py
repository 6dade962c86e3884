"""A tree out of whatever a file says of it: pure functions on messages that name their parents."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from webui.chats.transfer.shapes import Note, TakenMessage


def arrange(
    messages: Sequence[TakenMessage], notes: Counter[Note], left_out: Mapping[str, str | None] | None = None
) -> list[TakenMessage]:
    """Return the messages with every parent before its children, else in the order that they came in.

    A parent that is not there makes a message the first of a branch; so does a parent that lies below it.

    Args:
        left_out: What was no message, by its id, with its parent: what was below it moves up.
    """
    by_id = _told_apart(messages, notes)
    positions = {message.id: position for position, message in enumerate(by_id.values())}
    ordered = list(by_id.values())
    children: dict[str | None, list[int]] = defaultdict(list)
    for message in ordered:
        message.parent = _parent_there(message, positions, left_out or {}, notes)
        children[message.parent].append(positions[message.id])
    arranged: list[TakenMessage] = []
    ready = children.pop(None, [])
    heapq.heapify(ready)
    rest = iter(ordered)
    done: set[str] = set()
    while len(arranged) < len(ordered):
        if not ready:
            # All that is left hangs below circles: the first of them is cut open.
            opened = next(message for message in rest if message.id not in done)
            children[opened.parent].remove(positions[opened.id])
            opened.parent = None
            notes[Note.CIRCLES] += 1
            ready.append(positions[opened.id])
        message = ordered[heapq.heappop(ready)]
        arranged.append(message)
        done.add(message.id)
        for child in children.pop(message.id, ()):
            heapq.heappush(ready, child)
    return arranged


def _told_apart(messages: Sequence[TakenMessage], notes: Counter[Note]) -> dict[str, TakenMessage]:
    """Return messages by id; one whose id another one has gets an id of its own, and no children."""
    by_id: dict[str, TakenMessage] = {}
    taken = {message.id for message in messages}
    for number, message in enumerate(messages):
        if not message.id or message.id in by_id:
            notes[Note.DOUBLES] += bool(message.id)
            while (free := f"{message.id}#{number}") in taken:
                number += len(messages)
            message.id = free
            taken.add(free)
        by_id[message.id] = message
    return by_id


def _parent_there(
    message: TakenMessage, there: Mapping[str, int], left_out: Mapping[str, str | None], notes: Counter[Note]
) -> str | None:
    parent, seen = message.parent, {message.id}
    while parent is not None and parent not in there and parent in left_out and parent not in seen:
        seen.add(parent)
        parent = left_out[parent]
    if parent is None or parent in there:
        return parent
    notes[Note.DANGLING] += 1
    return None


def leaf_below(messages: Sequence[TakenMessage], wanted: str | None, notes: Counter[Note]) -> str | None:
    """Return the leaf to show: the end of the last branch through the wanted message, else the newest leaf.

    Args:
        messages: Arranged.
    """
    last_child = {message.parent: message.id for message in messages if message.parent is not None}
    at = wanted
    if at is None or all(message.id != at for message in messages):
        leaves = [message for message in messages if message.id not in last_child]
        notes[Note.NO_SHOWN] += len(leaves) > 1
        return max(leaves, key=lambda leaf: leaf.created_at).id if leaves else None
    while at in last_child:
        at = last_child[at]
    return at
