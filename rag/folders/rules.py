"""Which files of a folder are taken in, by their names and sizes alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import translate

from rag.errors import PatternRefused
from rag.extraction.detect import READABLE_NAMES
from rag.types import LeftOut

MAX_PATTERNS = 50
MAX_PATTERN_LENGTH = 200
MAX_PATH_LENGTH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an administrator chose for a folder, and the largest file that is read.

    A pattern without a slash is matched with the name of a file or of a folder at any depth, one with a slash with the
    path from the folder on. Upper and lower case count as the same.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    max_bytes: int
    _included: tuple[re.Pattern[str], ...] = field(init=False, repr=False)
    _excluded: tuple[re.Pattern[str], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_included", tuple(map(_compiled, self.include)))
        object.__setattr__(self, "_excluded", tuple(map(_compiled, self.exclude)))

    def excludes(self, path: str) -> bool:
        """Whether a file or folder, or a folder above it, matches a pattern that leaves out."""
        return bool(self._excluded) and _matches_or_above(self._excluded, path)

    def reason_against(self, path: str, size_bytes: int) -> LeftOut | None:
        """Return why a file is left out; None when it is to be read."""
        name = path.rpartition("/")[2]
        if not is_storable(path):
            return LeftOut.NAME
        if self.excludes(path) or (self._included and not _matches_or_above(self._included, path)):
            return LeftOut.EXCLUDED
        if not (self._included or has_readable_name(name)):
            return LeftOut.UNSUPPORTED
        if not size_bytes:
            return LeftOut.EMPTY
        return LeftOut.TOO_LARGE if size_bytes > self.max_bytes else None


def parse_patterns(text: str) -> list[str]:
    """Return patterns, one a line. Raises PatternRefused."""
    patterns = [line.strip() for line in text.splitlines()]
    patterns = list(dict.fromkeys(pattern.strip("/") for pattern in patterns if pattern.strip("/")))
    if len(patterns) > MAX_PATTERNS or any(len(pattern) > MAX_PATTERN_LENGTH for pattern in patterns):
        raise PatternRefused(MAX_PATTERNS, MAX_PATTERN_LENGTH)
    return patterns


def is_hidden(name: str) -> bool:
    """Whether people do not see it in their folders; "~$" begins what Office leaves beside a file that is open."""
    return name.startswith((".", "~$"))


def is_storable(path: str) -> bool:
    """Whether a path can be kept and shown: it is text without controls, and not endless."""
    is_text = path.isprintable() or not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in path)
    return is_text and len(path) <= MAX_PATH_LENGTH


def has_readable_name(name: str) -> bool:
    """Whether its ending is of a kind that can be read, or it has none, as README; then its content decides."""
    ending = ending_of(name)
    return not ending or ending in READABLE_NAMES


def ending_of(path: str) -> str:
    """Return ".pdf" for "Plan.PDF", and nothing for "README"."""
    stem, dot, ending = path.rpartition("/")[2].lower().rpartition(".")
    return f".{ending}" if stem and dot else ""


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern.lower()))


def _matches(patterns: Sequence[re.Pattern[str]], path: str) -> bool:
    lower = path.lower()
    name = lower.rpartition("/")[2]
    return any(pattern.match(lower) or pattern.match(name) for pattern in patterns)


def _matches_or_above(patterns: Sequence[re.Pattern[str]], path: str) -> bool:
    """Whether a file, or a folder that it lies in, matches."""
    steps = path.split("/")
    return any(_matches(patterns, "/".join(steps[:depth])) for depth in range(len(steps), 0, -1))
