"""The audit log as a file: a table for spreadsheets, or a JSON object a line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from webui.accounts.models import AuditRecord

COLUMNS: Final = ("moment", "event", "actor", "subject", "detail", "address")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What spreadsheets take for a formula. Source: OWASP, CSV Injection."""


def as_csv(records: Iterable[AuditRecord]) -> Iterator[bytes]:
    yield _line(COLUMNS)
    for row in records:
        yield _line([_harmless(value) for value in _values(row).values()])


def as_jsonl(records: Iterable[AuditRecord]) -> Iterator[bytes]:
    for row in records:
        yield json.dumps(_values(row), ensure_ascii=False).encode() + b"\n"


FORMS: Final[dict[str, tuple[str, Callable[[Iterable[AuditRecord]], Iterator[bytes]]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "jsonl": ("application/jsonl; charset=utf-8", as_jsonl),
}
"""By the end of the file's name: its media type, and what writes it."""


def _values(row: AuditRecord) -> dict[str, str]:
    told = (row.happened_at.isoformat(), row.event, row.actor, row.subject, row.detail, row.address)
    return dict(zip(COLUMNS, told, strict=True))


def _harmless(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value


def _line(values: Iterable[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue().encode()
