"""What the bounded child does: reads the file on standard input, writes one JSON line and then its result.

`text NAME`, `fetched MEDIA_TYPE`, `page NUMBER WIDTH`, `marks NUMBER START END`,
`ocr NUMBER TESSERACT LANGUAGES [turns]`
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from typing import IO, Any

from rag.errors import Unreadable
from rag.extraction import limits
from rag.types import Extraction


def main(arguments: list[str]) -> None:
    limits.bound_this_process()
    job, *rest = arguments
    try:
        with open(0, "rb", closefd=False) as file:
            header, body = JOBS[job](file, *rest)
    except Unreadable as exc:
        header, body = {"problem": exc.problem}, b""
    except MemoryError:
        header, body = {"problem": "too_large"}, b""
    with os.fdopen(1, "wb") as out:
        out.write(json.dumps(header).encode() + b"\n" + body)


def text(file: IO[bytes], name: str) -> tuple[dict[str, Any], bytes]:
    from rag.extraction import detect
    from rag.extraction.reading import read
    from rag.types import Problem

    media_type = detect.media_type(file.read(detect.SAMPLE_BYTES), name)
    file.seek(0)
    if media_type == detect.BINARY:
        problem = Problem.BROKEN if detect.claims_to_be_readable(name) else Problem.UNSUPPORTED
        return {"media_type": media_type, "problem": problem}, b""
    return _as_answer(read(file, media_type, name))


def fetched(file: IO[bytes], media_type: str) -> tuple[dict[str, Any], bytes]:
    """Read what came from the web: a page has no name that tells what it is, but its server has."""
    from rag.extraction.reading import read
    from rag.types import HTML

    if media_type == HTML:
        from rag.extraction import web_page

        return _as_answer(web_page.extract(file.read()))
    return _as_answer(read(file, media_type, ""))


def _as_answer(extraction: Extraction) -> tuple[dict[str, Any], bytes]:
    header = {
        "media_type": extraction.media_type,
        "problem": extraction.problem,
        "page_spans": extraction.page_spans,
        "page_names": extraction.page_names,
        "scanned_pages": extraction.scanned_pages,
        "damaged_pages": extraction.damaged_pages,
    }
    return header, extraction.text.encode("utf-8", errors="replace")


def page(file: IO[bytes], number: str, width: str) -> tuple[dict[str, Any], bytes]:
    from rag.extraction.reading import pages_of

    return {"problem": None}, pages_of(file).render_page(file, int(number), int(width))


def marks(file: IO[bytes], number: str, start: str, end: str) -> tuple[dict[str, Any], bytes]:
    from rag.extraction.reading import pages_of

    return {"problem": None, **asdict(pages_of(file).find_marks(file, int(number), int(start), int(end)))}, b""


def ocr(file: IO[bytes], number: str, path: str, languages: str, turns: str = "") -> tuple[dict[str, Any], bytes]:
    from rag.extraction.ocr import recognise
    from rag.extraction.tesseract import Tesseract

    found = recognise(file, int(number), Tesseract(path, tuple(languages.split("+")), sees_turns=bool(turns)))
    return {"problem": None, **asdict(found)}, b""


JOBS: dict[str, Callable[..., tuple[dict[str, Any], bytes]]] = {
    "text": text,
    "fetched": fetched,
    "page": page,
    "marks": marks,
    "ocr": ocr,
}
