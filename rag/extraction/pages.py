"""Joins the pages of a file to one text, and counts what it may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rag.errors import Unreadable
from rag.extraction import limits
from rag.extraction.layout import CONTROLS
from rag.types import Extraction, Problem

NAME_MAX_LENGTH = 200
# Excel has a way to write them, and PostgreSQL stores no text with a zero in it.
_CONTROLS = re.compile(f"[{CONTROLS}]")


def join_pages(media_type: str, pages: Iterable[tuple[str, str | None]]) -> Extraction:
    """Return one text of (name, text) pairs, joined by a line feed that belongs to none of them.

    A page is (name, None) when it is damaged; the others are read.

    Raises:
        Unreadable: There are too many of them, or too much in them; or all of them are damaged.
    """
    names: list[str] = []
    texts: list[str] = []
    spans: list[tuple[int, int]] = []
    position = 0
    damaged: list[int] = []
    for number, (raw_name, raw_text) in enumerate(pages, start=1):
        if raw_text is None:
            damaged.append(number)
        text = _CONTROLS.sub("", raw_text or "")
        names.append(short_name(_CONTROLS.sub("", raw_name)))
        texts.append(text)
        spans.append((position, position + len(text)))
        position += len(text) + 1
        if position > limits.MAX_CHARACTERS or len(texts) > limits.MAX_PAGES:
            raise Unreadable(Problem.TOO_LARGE)
    if damaged and len(damaged) == len(texts):
        raise Unreadable(Problem.BROKEN)
    return Extraction(
        media_type=media_type,
        text="\n".join(texts),
        page_spans=tuple(spans),
        page_names=tuple(names) if any(names) else (),
        damaged_pages=tuple(damaged),
    )


def short_name(name: str) -> str:
    """Return a name as long as it may be."""
    return name if len(name) <= NAME_MAX_LENGTH else name[: NAME_MAX_LENGTH - 1] + "…"


def with_text(extraction: Extraction) -> Extraction:
    """Return the extraction, or raise Unreadable when there is no text in it."""
    if not extraction.text.strip():
        raise Unreadable(Problem.EMPTY)
    return extraction
