"""What readers of archives raise for broken files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from lxml import etree

from rag.errors import Unreadable
from rag.types import Problem

# Libraries meet broken files with whatever they trip over.
TRIPPED_OVER = (
    etree.LxmlError, zipfile.BadZipFile, zlib.error, KeyError, ValueError, AttributeError, TypeError, IndexError,
    EOFError, NotImplementedError, RecursionError, OSError,
)  # fmt: skip


@contextmanager
def damage_is_a_problem(*more: type[Exception]) -> Iterator[None]:
    """Turn what a library raises over a broken file into Unreadable; `more` are its own errors."""
    try:
        yield
    except (*TRIPPED_OVER, *more) as exc:
        raise Unreadable(Problem.BROKEN) from exc
