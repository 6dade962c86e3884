"""Pure functions on a chat's tree of messages, given as a map from a message's id to its parent's.

Ids rise with time, so the largest of several is the newest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Parents = Mapping[int, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a message stands among its siblings. `number` is 1-based."""

    number: int
    count: int
    previous: int | None
    next: int | None


def branch_of(parents: Parents, leaf: int) -> list[int]:
    """Return the path from the root down to `leaf`."""
    path: list[int] = []
    at: int | None = leaf
    while at is not None:
        path.append(at)
        at = parents[at]
    return path[::-1]


def positions_of(parents: Parents, branch: list[int]) -> dict[int, Position]:
    """Return the position of every message of a branch, in one pass over the tree."""
    families: dict[int | None, list[int]] = {parents[message]: [] for message in branch}
    for message, parent in parents.items():
        if parent in families:
            families[parent].append(message)
    return {message: _position_in(sorted(families[parents[message]]), message) for message in branch}


def _position_in(siblings: list[int], message: int) -> Position:
    index = siblings.index(message)
    return Position(
        number=index + 1,
        count=len(siblings),
        previous=siblings[index - 1] if index else None,
        next=siblings[index + 1] if index + 1 < len(siblings) else None,
    )


def leaf_under(parents: Parents, message: int) -> int:
    """Return the end of the newest branch below `message`: at each fork the newest child is taken."""
    newest_child: dict[int, int] = {}
    for child, parent in parents.items():
        if parent is not None:
            newest_child[parent] = max(child, newest_child.get(parent, child))
    at = message
    while at in newest_child:
        at = newest_child[at]
    return at


def all_below(parents: Parents, message: int) -> set[int]:
    """Return a message and everything below it."""
    children: dict[int, list[int]] = {}
    for child, parent in parents.items():
        if parent is not None:
            children.setdefault(parent, []).append(child)
    found, to_visit = set(), [message]
    while to_visit:
        at = to_visit.pop()
        found.add(at)
        to_visit += children.get(at, ())
    return found


def newest_leaf(parents: Parents) -> int | None:
    """Return the leaf to show when none is chosen: the newest message; None for an empty chat."""
    return max(parents, default=None)
