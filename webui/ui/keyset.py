"""Pages by key instead of by offset: page 900 costs what page 1 costs, and new rows shift nothing."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)


class BadCursor(ValueError):
    """A cursor that was not made by `encode_cursor`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysetPage(Generic[Row]):
    """Some rows, and the cursor of the page after them; None at the end."""

    rows: list[Row]
    next_cursor: str | None


def newest_first(rows: QuerySet[Row], *, field: str, before: str | None, limit: int) -> KeysetPage[Row]:
    """Return one page ordered by a moment, newest first, ties broken by id.

    Args:
        field: A DateTimeField that is never null; an index on (field, id) makes this cheap.
        before: A `next_cursor`, or None for the first page.

    Raises:
        BadCursor: `before` is not a cursor.
    """
    if before:
        moment, row_id = decode_cursor(before)
        rows = rows.filter(Q(**{f"{field}__lt": moment}) | Q(**{field: moment, "id__lt": row_id}))
    # One row more than shown tells whether there is a next page.
    found = list(rows.order_by(f"-{field}", "-id")[: limit + 1])
    shown = found[:limit]
    if len(found) <= limit:
        return KeysetPage(rows=shown, next_cursor=None)
    last = shown[-1]
    return KeysetPage(rows=shown, next_cursor=encode_cursor(getattr(last, field), last.pk))


def encode_cursor(moment: datetime, row_id: int) -> str:
    return urlsafe_b64encode(f"{moment.isoformat()}|{row_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, int]:
    """Read a cursor back.

    Raises:
        BadCursor: It is not one.
    """
    try:
        moment, _, row_id = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition("|")
        parsed = datetime.fromisoformat(moment)
        number = int(row_id)
    except (binascii.Error, UnicodeError, ValueError) as exc:
        raise BadCursor(cursor) from exc
    # A naive moment or an id beyond the column's range would fail in the database instead of here.
    if parsed.tzinfo is None or not 0 <= number < 2**63:
        raise BadCursor(cursor)
    return parsed, number
