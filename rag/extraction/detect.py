"""What a file is, by its content. Its name only tells one kind of text from another."""

from __future__ import annotations

import codecs
import re

from rag.types import MARKDOWN, PDF, PLAIN

SAMPLE_BYTES = 64 * 1024

BINARY = "application/octet-stream"

_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Bytes that no text holds: controls other than tab, line feed, form feed, carriage return and escape.
_CONTROLS = re.compile(rb"[\x01-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def media_type(sample: bytes, name: str) -> str:
    """Return the media type of a file that starts with `sample`.

    Source: PDF readers accept the header anywhere in the first 1024 bytes (ISO 32000-1, Annex H, note 13).
    """
    if b"%PDF-" in sample[:1024]:
        return PDF
    if not is_text(sample):
        return BINARY
    return MARKDOWN if name.lower().endswith((".md", ".markdown")) else PLAIN


def is_text(sample: bytes) -> bool:
    if sample.startswith(_BYTE_ORDER_MARKS):
        return True
    return b"\0" not in sample and len(_CONTROLS.findall(sample)) <= len(sample) // 100
