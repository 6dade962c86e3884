"""A tree out of whatever a file says of it: pure functions on messages that name their parents."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from webui.chats.transfer.shapes import Note, TakenMessage


def arrange(
    messages: Sequence[TakenMessage],
    notes: Counter[Note],
    left_out: Mapping[str, str | None] | None = None,
    order: Mapping[str, int] | None = None,
) -> list[TakenMessage]:
    """Return the messages with every parent before its children, else in the order that they came in.

    A parent that is not there makes a message the first of a branch; so does a parent that lies below it.

    Args:
        left_out: What was no message, by its id, with its parent: what was below it moves up.
        order: By which numbers siblings follow each other, as `listed_order` tells.
    """
    by_id = _told_apart(messages, notes)
    above = nearest(left_out or {}, by_id)
    for message in by_id.values():
        if message.parent is None:
            continue
        message.parent = above.get(message.parent, message.parent)
        if message.parent is not None and message.parent not in by_id:
            notes[Note.DANGLING] += 1
            message.parent = None
    ordered = _siblings_in_order([*by_id.values()], order or {})
    positions = {message.id: position for position, message in enumerate(ordered)}
    children: dict[str | None, list[int]] = defaultdict(list)
    for message in ordered:
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


def nearest(left_out: Mapping[str, str | None], there: Collection[str]) -> dict[str, str | None]:
    """Return what is nearest above each of those that were left out: one that is there, or where the way ends.

    Each way is gone once, however many lead into it.
    """
    found: dict[str, str | None] = {}
    for start in left_out:
        way: dict[str, None] = {}
        at: str | None = start
        while at is not None and at in left_out and at not in there and at not in found and at not in way:
            way[at] = None
            at = left_out[at]
        end = at if at is None else found.get(at, at)
        found.update(dict.fromkeys(way, end))
    return found


def listed_order(parents: Mapping[str, str | None], listed: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return a number for every node, by which siblings stand as the lists of their parents have them.

    Parents alone say who is whose child; who is in no list comes after those that are.

    Args:
        parents: Of all nodes, also of those that are no messages.
        listed: What each node says its children are.
    """
    children: dict[str | None, list[str]] = defaultdict(list)
    for node, parent in parents.items():
        children[parent if parent in parents else None].append(node)
    for above, nodes in children.items():
        rank = {child: number for number, child in enumerate(listed.get(above, ()) if above is not None else ())}
        nodes.sort(key=lambda node: rank.get(node, len(rank)))
    numbers: dict[str, int] = {}
    waiting = children[None][::-1]
    while waiting:
        node = waiting.pop()
        if node not in numbers:
            numbers[node] = len(numbers)
            waiting += children.get(node, [])[::-1]
    return numbers


def _siblings_in_order(messages: list[TakenMessage], order: Mapping[str, int]) -> list[TakenMessage]:
    """Return the messages so that siblings have changed places among themselves."""
    siblings: dict[str | None, list[int]] = defaultdict(list)
    for place, message in enumerate(messages):
        siblings[message.parent].append(place)
    placed = [*messages]
    for places in siblings.values():
        wanted = sorted(places, key=lambda place: order.get(messages[place].id, len(order)))
        for place, other in zip(places, wanted, strict=True):
            placed[place] = messages[other]
    return placed


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
