"""Joins the pages of a file to one text, and counts what it may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rag.errors import Unreadable
from rag.extraction import limits
from rag.types import Extraction, Problem

NAME_MAX_LENGTH = 200
# Excel has a way to write them, and PostgreSQL stores no text with a zero in it.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")


def join_pages(media_type: str, pages: Iterable[tuple[str, str]]) -> Extraction:
    """Return one text of (name, text) pairs, joined by a line feed that belongs to none of them.

    Raises:
        Unreadable: There are too many of them, or too much in them.
    """
    names: list[str] = []
    texts: list[str] = []
    spans: list[tuple[int, int]] = []
    position = 0
    for raw_name, raw_text in pages:
        name, text = _CONTROLS.sub("", raw_name), _CONTROLS.sub("", raw_text)
        names.append(name if len(name) <= NAME_MAX_LENGTH else name[: NAME_MAX_LENGTH - 1] + "…")
        texts.append(text)
        spans.append((position, position + len(text)))
        position += len(text) + 1
        if position > limits.MAX_CHARACTERS or len(texts) > limits.MAX_PAGES:
            raise Unreadable(Problem.TOO_LARGE)
    return Extraction(
        media_type=media_type,
        text="\n".join(texts),
        page_spans=tuple(spans),
        page_names=tuple(names) if any(names) else (),
    )
