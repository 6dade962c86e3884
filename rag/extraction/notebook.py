"""Jupyter notebooks: their cells as Markdown, with what was printed below each; pictures are left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rag.errors import Unreadable
from rag.extraction import limits, markdown
from rag.types import Extraction, Problem

_FENCE = "~~~~"


def extract(data: bytes) -> Extraction:
    """Return the text of a notebook, a section under each heading. Raises Unreadable.

    Source: nbformat 4, "The Notebook file format".
    """
    if len(data) > 4 * limits.MAX_CHARACTERS:
        raise Unreadable(Problem.TOO_LARGE)
    try:
        cells = json.loads(data)["cells"]
        text = "\n\n".join(filter(None, (_text(cell) for cell in cells)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise Unreadable(Problem.BROKEN) from exc
    return markdown.extract(text.encode("utf-8", errors="replace"))


def _text(cell: dict[str, Any]) -> str:
    source = _joined(cell.get("source", ""))
    if cell["cell_type"] != "code":
        return source
    printed = (_joined(piece) for output in cell.get("outputs", ()) for piece in _printed(output))
    return "\n".join(f"{_FENCE}\n{piece.rstrip()}\n{_FENCE}" for piece in (source, *printed) if piece.strip())


def _printed(output: dict[str, Any]) -> Iterator[Any]:
    yield output.get("text", "")
    yield output.get("data", {}).get("text/plain", "")
    if output["output_type"] == "error":
        yield f"{output.get('ename', '')}: {output.get('evalue', '')}"


def _joined(lines: str | list[str]) -> str:
    """Notebooks keep a text as its lines, or in one piece."""
    return lines if isinstance(lines, str) else "".join(lines)
