"""Golden questions as a file, CSV or JSON: a row each with question, document and quote."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

FIELDS = ("question", "document", "quote")
# What a spreadsheet takes for the beginning of a formula.
_FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")


class BadFile(Exception):
    """Attributes: reason: one of those below."""

    NOT_TEXT = "not_text"
    NOT_JSON = "not_json"
    NOT_CSV = "not_csv"
    NO_ROWS = "no_rows"
    TOO_MANY = "too_many"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def written(rows: Sequence[dict[str, str]], form: str) -> str:
    """Return rows as the text of a file; `form` is csv or json."""
    if form == "json":
        return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"
    text = io.StringIO()
    # With the mark, spreadsheets read it as UTF-8.
    text.write("\ufeff")
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _harmless(row[name]) for name in FIELDS} for row in rows)
    return text.getvalue()


def read(data: bytes, max_rows: int) -> list[dict[str, str]]:
    """Return the rows of a file, whichever of the two it is. Raises BadFile."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise BadFile(BadFile.NOT_TEXT) from exc
    rows = _json_rows(text) if text.lstrip()[:1] in ("[", "{") else _csv_rows(text)
    if not rows:
        raise BadFile(BadFile.NO_ROWS)
    if len(rows) > max_rows:
        raise BadFile(BadFile.TOO_MANY)
    return rows


def _json_rows(text: str) -> list[dict[str, str]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise BadFile(BadFile.NOT_JSON) from exc
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise BadFile(BadFile.NOT_JSON)
    return [{name: value for name in FIELDS if isinstance(value := row.get(name), str)} for row in content]


def _csv_rows(text: str) -> list[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if not {"question", "document"} <= set(reader.fieldnames or ()):
            raise BadFile(BadFile.NOT_CSV)
        return [{name: _as_written(row.get(name) or "") for name in FIELDS} for row in reader]
    except csv.Error as exc:
        raise BadFile(BadFile.NOT_CSV) from exc


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_MARKS) else cell


def _as_written(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA_MARKS) else cell
