"""Text files: their encoding, and text from it."""

from __future__ import annotations

import codecs
import re

from rag.extraction import layout, limits
from rag.lexical.words import CJK
from rag.types import PLAIN, Extraction, Problem

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ALONE = re.compile(f"[A-Za-z][{CJK}](?![{CJK}])")
_CJK = re.compile(f"[{CJK}]")


def extract(data: bytes, media_type: str) -> Extraction:
    """Return the text of a file; Markdown keeps its lines, which mean something there."""
    if len(data) > 4 * limits.MAX_CHARACTERS:
        return Extraction(media_type=media_type, problem=Problem.TOO_LARGE)
    raw = decode(data)
    if len(raw) > limits.MAX_CHARACTERS:
        return Extraction(media_type=media_type, problem=Problem.TOO_LARGE)
    text = layout.join_lines(raw).text if media_type == PLAIN else layout.clean(raw)
    if not text.strip():
        return Extraction(media_type=media_type, problem=Problem.EMPTY)
    return Extraction(media_type=media_type, text=text)


def decode(data: bytes) -> str:
    """Return the text of bytes in an encoding that nobody named. Bytes that fit none become U+FFFD."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        chinese = data.decode("gb18030")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
    # GB18030 reads most bytes as something. Western words betray themselves: lone characters behind letters.
    is_western = len(_ALONE.findall(chinese)) * 2 > len(_CJK.findall(chinese))
    return data.decode("cp1252", errors="replace") if is_western else chinese
