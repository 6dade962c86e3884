"""What connecting a folder would bring, and what it would take of this server's disk: told before it begins.

The figures are estimates on the high side. Measured on SQLite and the embedded Chroma: rows and lexical entries take 4
bytes for each byte of English text and 9 for each of Chinese; a vector takes its numbers twice and about 1000 bytes
more.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rag import conf
from rag.errors import FolderUnusable
from rag.extraction.limits import MAX_CHARACTERS
from rag.folders.copying import RESERVE_BYTES
from rag.folders.opening import subfolders
from rag.folders.rules import Rules, ending_of
from rag.folders.walk import FoundFile, Listing, list_folder
from rag.queries import current_version
from rag.threads import run_apart
from rag.types import FolderProblem

DEADLINE_S = 20.0
CHOICE_TIMEOUT_S = 5.0
MAX_CHOICES = 500

_ROWS_A_TEXT_BYTE = 6
_TEXT_BYTES_A_CHUNK = 800
_BYTES_A_VECTOR = 1000
# Chroma's, and those that are compared row by row.
_BYTES_A_NUMBER = 4 + 4
_DEFAULT_N_DIMS = 384
# How much of a file is text; the others are text through and through. Compressed text is as long as it unpacks to.
_TEXT_SHARES = {
    ".pdf": 0.3, ".docx": 1.0, ".docm": 1.0, ".pptx": 0.3, ".pptm": 0.3, ".xlsx": 2.0, ".xlsm": 2.0, ".epub": 1.0,
    ".html": 0.5, ".htm": 0.5, ".xhtml": 0.5,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Files with the same ending; "" for those without."""

    ending: str
    n_files: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A dry run.

    Attributes:
        kinds: The largest first.
        copies_bytes, text_bytes, vectors_bytes: What it would take here: copies of the files, so that citations and
            pages stay when an original goes; text with its words and chunks; vectors.
        free_bytes: On the disk of `HEARTH_DATA`, without what is left to everybody else.
    """

    listing: Listing
    kinds: tuple[Kind, ...]
    copies_bytes: int
    text_bytes: int
    vectors_bytes: int
    free_bytes: int

    @property
    def n_files(self) -> int:
        return len(self.listing.files)

    @property
    def need_bytes(self) -> int:
        return self.copies_bytes + self.text_bytes + self.vectors_bytes

    @property
    def fits(self) -> bool:
        return self.need_bytes <= self.free_bytes


def choices_in(path: str) -> list[str]:
    """Return the names of the folders in a folder that the settings allow, as far as they can be followed.

    Raises:
        FolderUnusable
    """
    try:
        return run_apart(lambda: subfolders(path, MAX_CHOICES), timeout_s=CHOICE_TIMEOUT_S)
    except TimeoutError as exc:
        raise FolderUnusable(FolderProblem.NO_ANSWER) from exc


def survey(path: str, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Survey:
    """Look at a folder of the server as it is now. Takes up to some seconds; nothing is read or stored.

    Raises:
        FolderUnusable
    """
    rules = Rules(include=include, exclude=exclude, max_bytes=conf.max_upload_bytes())
    try:
        listing = run_apart(lambda: list_folder(path, rules, deadline_s=DEADLINE_S), timeout_s=DEADLINE_S + 5)
    except TimeoutError as exc:
        raise FolderUnusable(FolderProblem.NO_ANSWER) from exc
    if listing.is_unread(""):
        raise FolderUnusable(FolderProblem.NO_ACCESS)
    version = current_version()
    text = sum(map(_text_bytes, listing.files.values()))
    n_chunks = text / _TEXT_BYTES_A_CHUNK + len(listing.files)
    return Survey(
        listing=listing,
        kinds=_kinds(listing),
        copies_bytes=listing.size_bytes,
        text_bytes=int(_ROWS_A_TEXT_BYTE * text),
        vectors_bytes=int(
            n_chunks * (_BYTES_A_NUMBER * (version.n_dims if version else _DEFAULT_N_DIMS) + _BYTES_A_VECTOR)
        ),
        free_bytes=max(shutil.disk_usage(conf.data_folder()).free - RESERVE_BYTES, 0),
    )


def _kinds(listing: Listing) -> tuple[Kind, ...]:
    numbers: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in listing.files.values():
        ending = ending_of(file.path)
        numbers[ending] += 1
        sizes[ending] += file.size_bytes
    return tuple(Kind(ending=ending, n_files=numbers[ending], size_bytes=size) for ending, size in sizes.most_common())


def _text_bytes(file: FoundFile) -> float:
    return min(file.size_bytes * _TEXT_SHARES.get(ending_of(file.path), 1.0), 4 * MAX_CHARACTERS)
