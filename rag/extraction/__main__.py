"""The bounded child: reads the file on standard input, writes one JSON line and then its result to standard output.

`text NAME`, `page NUMBER WIDTH`, `marks NUMBER START END`
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rag.extraction import limits

INPUT = Path("/dev/fd/0")


def main(arguments: list[str]) -> None:
    limits.bound_this_process()
    job, *rest = arguments
    try:
        header, body = JOBS[job](*rest)
    except MemoryError:
        header, body = {"problem": "too_large"}, b""
    with os.fdopen(1, "wb") as out:
        out.write(json.dumps(header).encode() + b"\n" + body)


def text(name: str) -> tuple[dict[str, Any], bytes]:
    from rag.extraction import detect
    from rag.types import PDF, Problem

    sample = _sample(detect.SAMPLE_BYTES)
    media_type = detect.media_type(sample, name)
    if media_type == detect.BINARY:
        problem = Problem.BROKEN if name.lower().endswith((".pdf", ".txt", ".md")) else Problem.UNSUPPORTED
        return {"media_type": media_type, "problem": problem}, b""
    if media_type == PDF:
        from rag.extraction import pdf

        extraction = pdf.extract(INPUT)
    else:
        from rag.extraction import plain

        extraction = plain.extract(INPUT.read_bytes(), media_type)
    header = {"media_type": media_type, "problem": extraction.problem, "page_spans": extraction.page_spans}
    return header, extraction.text.encode("utf-8", errors="replace")


def page(number: str, width: str) -> tuple[dict[str, Any], bytes]:
    from rag.extraction import pdf

    return {"problem": None}, pdf.render_page(INPUT, int(number), int(width))


def marks(number: str, start: str, end: str) -> tuple[dict[str, Any], bytes]:
    from rag.extraction import pdf

    return {"problem": None, **asdict(pdf.find_marks(INPUT, int(number), int(start), int(end)))}, b""


def _sample(n_bytes: int) -> bytes:
    with INPUT.open("rb") as file:
        return file.read(n_bytes)


JOBS: dict[str, Callable[..., tuple[dict[str, Any], bytes]]] = {"text": text, "page": page, "marks": marks}

main(sys.argv[1:])
