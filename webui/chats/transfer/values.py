"""Reading values of which nothing is certain: each comes out as what is wanted, or not at all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from webui.chats.transfer.shapes import Note

T = TypeVar("T")

TEXT_MAX_CHARS = 1_000_000
"""Of one message: more than any model writes, and what a page can still show."""
_LARGEST_S = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_ID = 2**31 - 1


def plain(value: object) -> str:
    """Return a text as every database takes it: without NUL and halves of characters; empty for what is none."""
    if not isinstance(value, str):
        return ""
    text = value.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def text(value: object, notes: Counter[Note], limit: int = TEXT_MAX_CHARS) -> str:
    """Return a text, cut where it is longer than anybody writes."""
    whole = plain(value)
    if len(whole) > limit:
        notes[Note.CUT_TEXTS] += 1
    return whole[:limit]


def name(value: object, limit: int) -> str:
    """Return a text on one line."""
    # Cut first: nobody needs the blanks of a hundred thousand characters joined.
    return " ".join(plain(value)[: limit * 4].split())[:limit]


def moment(value: object) -> datetime | None:
    """Return the moment of a number, in seconds or a part of them, or of a text as ISO 8601 writes it."""
    if isinstance(value, str):
        return _written_moment(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e22:
        return None
    seconds = value
    while seconds > _LARGEST_S:
        seconds /= 1000
    if seconds != value and value < _LARGEST_S * 100:
        # Neither seconds nor thousandths of them.
        return None
    return _EPOCH + timedelta(seconds=seconds)


def _written_moment(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value[:40])
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    # Beyond these years the database, or a time zone, has no place for it.
    return found.astimezone(UTC) if 1900 < found.year < 2200 else None


def when(value: object, notes: Counter[Note], otherwise: datetime) -> datetime:
    """Return a moment, or another one where this says nothing or nonsense."""
    found = moment(value)
    if found is None and value is not None:
        notes[Note.MOMENTS] += 1
    return found or otherwise


def flag(value: object) -> bool:
    return value is True or (isinstance(value, int) and value == 1)


def count(value: object) -> int | None:
    """Return a whole number that a column of the database has room for."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= _LARGEST_ID else None  # type: ignore[operator, return-value]  # a number


def figure(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def mappings(value: object) -> Iterator[Mapping[str, Any]]:
    return (item for item in items(value) if isinstance(item, dict))


def texts(value: object, limit: int, most: int, notes: Counter[Note]) -> list[str]:
    """Return the texts of a list, each on one line and none twice."""
    return first_of({found: None for item in items(value) if (found := name(item, limit))}, most, notes)


def first_of(found: Iterable[T], most: int, notes: Counter[Note]) -> list[T]:
    """Return as many as there can be."""
    everything = [*found]
    notes[Note.TOO_MANY] += max(0, len(everything) - most)
    return everything[:most]


def identity(value: object) -> str:
    """Return what a file calls something by, short enough to be kept; empty for none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**18 else ""
    return plain(value)[:200].strip()


def as_uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


def first(values: Iterable[T]) -> T | None:
    return next(iter(values), None)
