"""Starts the bounded child on a stored file and reads what it found.

The file comes to the child as its standard input, so it needs no path, no access to the data folder and no secret;
its environment holds nothing of ours.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import copyfileobj
from typing import IO, Any

from rag.errors import ChildCrashed, ChildFailed, ChildOutputTooLarge, ChildTimedOut, RenderingFailed
from rag.extraction import limits
from rag.extraction.forks import Fork, nursery
from rag.extraction.tesseract import Tesseract
from rag.types import Box, Extraction, PageMarks, PageWord, Problem, RecognisedText

logger = logging.getLogger(__name__)

_running: set[Fork] = set()
_running_lock = threading.Lock()


def extract_text(file: IO[bytes], name: str, *, wall_s: float = limits.WALL_S) -> Extraction:
    """Return the text of a file, or why there is none. Blocks; never raises for what is in the file."""
    return _extraction(["text", name], file, wall_s)


def extract_fetched(file: IO[bytes], media_type: str) -> Extraction:
    """Return the text of what was fetched from the web, likewise."""
    return _extraction(["fetched", media_type], file, limits.WALL_S)


def _extraction(job: list[str], file: IO[bytes], wall_s: float) -> Extraction:
    try:
        header, body = run(job, file, wall_s=wall_s)
    except ChildFailed as exc:
        return Extraction(media_type="", problem=exc.problem)
    problem = header.get("problem")
    return Extraction(
        media_type=header.get("media_type", ""),
        text=body.decode(),
        page_spans=tuple((start, end) for start, end in header.get("page_spans", ())),
        page_names=tuple(header.get("page_names", ())),
        scanned_pages=tuple(header.get("scanned_pages", ())),
        damaged_pages=tuple(header.get("damaged_pages", ())),
        problem=Problem(problem) if problem else None,
    )


def recognise(file: IO[bytes], number: int, tesseract: Tesseract) -> RecognisedText:
    """Return what tesseract reads on a page. Blocks for seconds; raises RenderingFailed."""
    job = ["ocr", str(number), tesseract.path, "+".join(tesseract.languages), "turns" if tesseract.sees_turns else ""]
    # A page that lies on its side is read twice.
    header, _ = _drawn(job, file, wall_s=2 * limits.OCR_WALL_S + 20)
    words = (PageWord(start=word["start"], end=word["end"], box=Box(**word["box"])) for word in header["words"])
    return RecognisedText(text=header["text"], width=header["width"], height=header["height"], words=tuple(words))


def render_page(file: IO[bytes], number: int, width_px: int) -> bytes:
    """Return a page as PNG. Raises RenderingFailed."""
    return _drawn(["page", str(number), str(width_px)], file)[1]


def find_marks(file: IO[bytes], number: int, start: int, end: int) -> PageMarks:
    """Return where the span [start, end) of a page's text stands on it. Raises RenderingFailed."""
    header, _ = _drawn(["marks", str(number), str(start), str(end)], file)
    return PageMarks(width=header["width"], height=header["height"], boxes=tuple(Box(**box) for box in header["boxes"]))


def _drawn(arguments: list[str], file: IO[bytes], *, wall_s: float = 20) -> tuple[dict[str, Any], bytes]:
    try:
        header, body = run(arguments, file, wall_s=wall_s)
    except ChildFailed as exc:
        raise RenderingFailed(exc.problem) from exc
    if header["problem"]:
        raise RenderingFailed(Problem(header["problem"]))
    return header, body


def run(arguments: list[str], file: IO[bytes], *, wall_s: float) -> tuple[dict[str, Any], bytes]:
    """Run the child and return its header and body.

    Raises:
        ChildTimedOut: It used up its seconds, of processor or of clock.
        ChildCrashed: It ended by a signal or an error.
        ChildOutputTooLarge
    """
    with _with_descriptor(file) as source, _started(arguments, source) as process:
        out_of_time = threading.Event()

        def give_up() -> None:
            out_of_time.set()
            process.kill()

        timer = threading.Timer(wall_s, give_up)
        timer.start()
        try:
            output = process.stdout.read(limits.MAX_OUTPUT_BYTES + 1)
            if len(output) > limits.MAX_OUTPUT_BYTES:
                raise ChildOutputTooLarge
            exit_code = process.wait()
        finally:
            timer.cancel()
    if out_of_time.is_set() or exit_code == -signal.SIGXCPU:
        raise ChildTimedOut
    if exit_code:
        raise ChildCrashed(exit_code)
    header, _, body = output.partition(b"\n")
    return json.loads(header), body


def stop_all() -> None:
    """Kill every child that runs, so that their waiting threads end: for the shutdown of this process."""
    with _running_lock:
        for process in _running:
            process.kill()


@contextmanager
def _started(arguments: list[str], source: IO[bytes]) -> Iterator[Fork]:
    process = nursery.fork(arguments, source)
    with _running_lock:
        _running.add(process)
    try:
        yield process
    finally:
        with _running_lock:
            _running.discard(process)
        process.close()


def _with_descriptor(file: IO[bytes]) -> IO[bytes]:
    """Return a file the kernel knows: this one, or a copy of what comes from a remote storage."""
    try:
        descriptor = os.dup(file.fileno())
    except OSError:
        copy = tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
        file.seek(0)
        copyfileobj(file, copy)
        copy.seek(0)
        return copy
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.fdopen(descriptor, "rb")
