"""Text files, JSON and source code."""

from __future__ import annotations

import re

from rag.extraction import encodings, layout, limits
from rag.types import JSON, PLAIN, Extraction, Problem

# What programs write for a terminal to change its colours.
# Source: ECMA-48, 5.4 "Control sequences".
_TERMINAL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# Programs write other letters than English ones so, and nobody asks for them so.
# Source: RFC 8259, 7 "Strings"; letters beyond the first 65,536 are pairs.
_ESCAPES = re.compile(r"(?<!\\)(?:\\u(?:[1-9a-f][0-9a-f]{3}|0[1-9a-f][0-9a-f]{2}|00[89a-f][0-9a-f]))+", re.I)


def extract(data: bytes, media_type: str) -> Extraction:
    """Return the text of a file; Markdown keeps its lines, which mean something there."""
    if len(data) > 4 * limits.MAX_CHARACTERS:
        return Extraction(media_type=media_type, problem=Problem.TOO_LARGE)
    raw = _TERMINAL_SEQUENCE.sub("", encodings.decode(data))
    if media_type == JSON:
        raw = _ESCAPES.sub(_unescaped, raw)
    if len(raw) > limits.MAX_CHARACTERS:
        return Extraction(media_type=media_type, problem=Problem.TOO_LARGE)
    text = layout.join_lines(raw).text if media_type == PLAIN else layout.clean(raw)
    if not text.strip():
        return Extraction(media_type=media_type, problem=Problem.EMPTY)
    return Extraction(media_type=media_type, text=text)


def _unescaped(found: re.Match[str]) -> str:
    code = bytes.fromhex(found[0].lower().replace("\\u", ""))
    return code.decode("utf-16-be", errors="replace")
