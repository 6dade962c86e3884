"""Tesseract, where it is installed: which languages it reads, and the words it finds in a picture.

`find` is for the web process. `read` runs in the bounded child, which draws the picture; tesseract is the child of
that child, under limits of its own, and ends with it.
"""

from __future__ import annotations

import csv
import ctypes
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from rag.errors import Unreadable
from rag.extraction import limits
from rag.types import Problem

# Each language more costs time: English and Chinese together take twice as long as either.
MAX_LANGUAGES = 4
# Chinese first: English is read as well behind it, and before it takes short lines of Chinese for Latin letters.
_FIRST_CHOICES = ("chi_sim", "eng", "chi_tra")
# Layout and formulas: installed like languages, and none.
_TURNS = "osd"
_NO_LANGUAGES = (_TURNS, "equ", "snum")

# What tesseract makes of pictures, stains and scripts that it was not told of.
_LEAST_CONFIDENCE = 30
_WORD_LEVEL = "5"
_COLUMNS = 12
_ROTATE = re.compile(rb"^Rotate: (90|180|270)$", re.M)


@dataclass(frozen=True, slots=True)
class Tesseract:
    """Attributes: sees_turns: It can tell how a page lies; that takes data of its own."""

    path: str
    languages: tuple[str, ...]
    sees_turns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A page in grey, 8 bits a pixel, as tesseract gets it; `scale` in pixels a point."""

    pixels: bytes
    width: int
    height: int
    scale: float


@dataclass(frozen=True, slots=True)
class Word:
    """A word in a picture, in pixels from its upper left; `line` tells lines apart, `block` paragraphs.

    Attributes:
        confidence: Of tesseract, 0 to 100.
    """

    text: str
    x: int
    y: int
    width: int
    height: int
    block: tuple[str, ...]
    line: str
    confidence: float = 100.0


def find(wanted: Collection[str] = ()) -> Tesseract | None:
    """Return the installed tesseract with the languages to read; None without one, or without any language.

    Asked anew for each document, so that an installation counts at once: it takes some milliseconds.
    """
    path = shutil.which("tesseract")
    if path is None:
        return None
    try:
        listed = subprocess.run([path, "--list-langs"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    # The first line is a heading.
    installed = [line.strip() for line in listed.stdout.splitlines()[1:]]
    languages = _chosen([name for name in installed if name and name not in _NO_LANGUAGES], wanted)
    return Tesseract(path, languages, sees_turns=_TURNS in installed) if languages else None


def _chosen(installed: list[str], wanted: Collection[str]) -> tuple[str, ...]:
    if given := tuple(name for name in wanted if name in installed):
        return given
    first = [name for name in _FIRST_CHOICES if name in installed]
    # Vertical writing and scripts as a whole are there for those who ask for them.
    others = [name for name in installed if name not in first and "/" not in name and not name.endswith("_vert")]
    return tuple([*first, *others][:MAX_LANGUAGES])


def read(drawing: Drawing, tesseract: Tesseract) -> list[Word]:
    """Return the words of a page in reading order. Raises Unreadable."""
    done = _run(drawing, tesseract, "-l", "+".join(tesseract.languages), "--dpi", str(limits.OCR_DPI), "tsv")
    if done.returncode == -signal.SIGXCPU:
        raise Unreadable(Problem.TIMEOUT)
    if done.returncode:
        raise Unreadable(Problem.CRASHED)
    return list(_words(done.stdout.decode(errors="replace")))


def degrees_to_turn(drawing: Drawing, tesseract: Tesseract) -> int:
    """Return by how much a page is to be turned clockwise to stand upright; 0 when tesseract cannot tell.

    Raises Unreadable.
    """
    done = _run(drawing, tesseract, "--psm", "0", "--dpi", str(limits.OCR_DPI))
    found = _ROTATE.search(done.stdout)
    return int(found[1]) if found and not done.returncode else 0


def _run(drawing: Drawing, tesseract: Tesseract, *options: str) -> subprocess.CompletedProcess[bytes]:
    picture = b"P5 %d %d 255\n" % (drawing.width, drawing.height) + drawing.pixels
    child = os.getpid()
    try:
        return subprocess.run(  # noqa: S603  (a path of ours, arguments as a list, no shell)
            [tesseract.path, "stdin", "stdout", *options],
            input=picture,
            capture_output=True,
            timeout=limits.OCR_WALL_S,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "OMP_THREAD_LIMIT": "1"},
            preexec_fn=lambda: _bound(child),  # noqa: PLW1509  (this process has one thread)
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise Unreadable(Problem.TIMEOUT) from exc


def _bound(child: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (limits.OCR_CPU_S, limits.OCR_CPU_S + 5))
    resource.setrlimit(resource.RLIMIT_AS, (limits.OCR_MEMORY_BYTES, limits.OCR_MEMORY_BYTES))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(limits.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != child:
            os._exit(1)


def _words(table: str) -> Iterator[Word]:
    for row in csv.reader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        if len(row) != _COLUMNS or row[0] != _WORD_LEVEL or float(row[10]) < _LEAST_CONFIDENCE:
            continue
        x, y, width, height = (int(value) for value in row[6:10])
        if text := row[11].strip():
            yield Word(text, x, y, width, height, block=tuple(row[1:4]), line=row[4], confidence=float(row[10]))
