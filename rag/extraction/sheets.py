"""Workbooks of Excel and OpenDocument, sheet by sheet.

Formulas give the value they had when the file was saved, those that failed none. Macros are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import IO

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from rag.errors import Unreadable
from rag.extraction import limits
from rag.extraction.pages import join_pages, with_text
from rag.extraction.rows import one_line, row_lines
from rag.types import Extraction, Problem

Value = int | float | str | bool | time | date | datetime | timedelta


def extract(file: IO[bytes], media_type: str) -> Extraction:
    """Return the rows of each sheet under its name, hidden ones too. Raises Unreadable."""
    try:
        workbook = CalamineWorkbook.from_filelike(file)
        return with_text(join_pages(media_type, _sheets(workbook)))
    except PasswordError as exc:
        raise Unreadable(Problem.PASSWORD) from exc
    except CalamineError as exc:
        raise Unreadable(Problem.BROKEN) from exc


def _sheets(workbook: CalamineWorkbook) -> Iterator[tuple[str, str]]:
    for sheet in workbook.sheets_metadata:
        # "Very hidden" sheets cannot be shown in Excel itself: programs keep their settings there.
        if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible != SheetVisibleEnum.VeryHidden:
            yield one_line(sheet.name), _text(workbook.get_sheet_by_name(sheet.name))


def _text(sheet: CalamineSheet) -> str:
    lines: list[str] = []
    n_characters = 0
    for line in row_lines([_cell(value) for value in row] for row in sheet.iter_rows()):
        lines.append(line)
        n_characters += len(line) + 1
        if n_characters > limits.MAX_CHARACTERS:
            raise Unreadable(Problem.TOO_LARGE)
    return "\n".join(lines)


def _cell(value: Value) -> str:
    """Return a value as people write it: no decimals where there are none, no time of day where there is none."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        # Excel itself keeps fifteen digits.
        return f"{value:.15g}" if abs(value) < 1e15 else f"{value:.0f}"
    if isinstance(value, datetime) and value.time() == time.min:
        return value.date().isoformat()
    return one_line(str(value))
