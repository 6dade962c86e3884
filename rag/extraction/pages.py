"""Joins the pages of a file to one text, and counts what it may hold."""

from __future__ import annotations

from collections.abc import Iterable

from rag.errors import Unreadable
from rag.extraction import limits
from rag.types import Extraction, Problem

NAME_MAX_LENGTH = 200


def join_pages(media_type: str, pages: Iterable[tuple[str, str]]) -> Extraction:
    """Return one text of (name, text) pairs, joined by a line feed that belongs to none of them.

    Raises:
        Unreadable: There are too many of them, or too much in them.
    """
    names: list[str] = []
    texts: list[str] = []
    spans: list[tuple[int, int]] = []
    position = 0
    for name, text in pages:
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
