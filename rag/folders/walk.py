"""What is in a folder, found by looking at names and numbers alone: no file is opened."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from rag.errors import FolderUnusable
from rag.folders import opening
from rag.folders.rules import Rules, ending_of, is_hidden, is_storable
from rag.types import FolderProblem, LeftOut

MAX_FILES = 100_000
MAX_ENTRIES = 500_000
MAX_DEPTH = 40
MAX_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to be read.

    Attributes:
        path: From the folder on, as people see it.
        real_path: The same but for what a link led to: from the folder on, without a link in it.
    """

    path: str
    real_path: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(slots=True, kw_only=True)
class Listing:
    """What one look at a folder found.

    Attributes:
        files: By path.
        left_out: How many files and folders were left out, by reason.
        examples: Some of their paths, by reason.
        unsupported: Endings that cannot be read, with how many files have them.
        unread: Folders that could not be looked into: of what lies below them nothing is known.
        empty: Folders with nothing at all in them, as a disk leaves behind that is not mounted.
    """

    files: dict[str, FoundFile] = field(default_factory=dict)
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    examples: dict[LeftOut, list[str]] = field(default_factory=dict)
    unsupported: Counter[str] = field(default_factory=Counter)
    unread: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def leave_out(self, reason: LeftOut, path: str) -> None:
        self.left_out[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in path)[:200])

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files.values())

    def is_unread(self, path: str) -> bool:
        return any(not folder or path.startswith(f"{folder}/") for folder in self.unread)

    def fingerprint(self) -> str:
        """Return a value that stays the same as long as nothing in the folder has changed."""
        digest = hashlib.blake2b(digest_size=16)
        for path in sorted(self.files):
            file = self.files[path]
            digest.update(f"{path}\0{file.size_bytes}\0{file.mtime_ns}\0{file.ctime_ns}\n".encode())
        digest.update(repr((sorted(self.left_out.items()), sorted(self.unread))).encode(errors="replace"))
        return digest.hexdigest()


def list_folder(path: str, rules: Rules, *, deadline_s: float, clock: Callable[[], float] = time.monotonic) -> Listing:
    """Return what is in a folder and all below it.

    A link is followed if it leads to something in the same folder that was not seen at its own place, and each place is
    seen once.

    Raises:
        FolderUnusable: The folder cannot be opened, holds too much, or took longer than `deadline_s` seconds.
    """
    with opening.opened_folder(path) as (descriptor, real_path):
        walk = _Walk(descriptor, real_path, rules, lambda: clock() > began + deadline_s)
        began = clock()
        return walk.run()


class _Walk:
    def __init__(self, folder: int, real_path: str, rules: Rules, is_late: Callable[[], bool]) -> None:
        self._folder = folder
        self._real_path = real_path
        self._rules = rules
        self._is_late = is_late
        self._listing = Listing()
        self._n_entries = 0
        self._seen_folders: set[tuple[int, int]] = set()
        self._seen_files: set[str] = set()
        self._links: list[str] = []

    def run(self) -> Listing:
        self._look_into(os.dup(self._folder), "", "", 0)
        # After everything that has a place of its own, so that such a place is the one that counts.
        for link in self._links:
            self._follow(link)
        return self._listing

    def _look_into(self, descriptor: int, path: str, real_path: str, depth: int) -> None:
        """List an open folder, which this closes."""
        try:
            facts = os.fstat(descriptor)
            place = (facts.st_dev, facts.st_ino)
            if place in self._seen_folders:
                return
            self._seen_folders.add(place)
            with os.scandir(descriptor) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
            if not entries:
                self._listing.empty.append(path)
            for entry in entries:
                self._look_at(descriptor, entry, _join(path, entry.name), _join(real_path, entry.name), depth)
        except OSError:
            self._leave_unread(path)
        finally:
            os.close(descriptor)

    def _look_at(self, above: int, entry: os.DirEntry[str], path: str, real_path: str, depth: int) -> None:
        self._count()
        if is_hidden(entry.name):
            return self._listing.leave_out(LeftOut.HIDDEN, path)
        try:
            facts = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError:
            return self._leave_unread(path)
        if stat.S_ISLNK(facts.st_mode):
            self._links.append(path)
        elif stat.S_ISDIR(facts.st_mode):
            self._enter(above, entry.name, path, real_path, depth)
        elif stat.S_ISREG(facts.st_mode):
            self._seen_files.add(real_path)
            self._note(path, real_path, facts)
        else:
            self._listing.leave_out(LeftOut.SPECIAL, path)
        return None

    def _enter(self, above: int, name: str, path: str, real_path: str, depth: int) -> None:
        if self._rules.excludes(path):
            return self._listing.leave_out(LeftOut.EXCLUDED, path)
        if depth >= MAX_DEPTH or not is_storable(path):
            return self._listing.leave_out(LeftOut.NAME, path)
        try:
            descriptor = opening.opened_subfolder(above, name)
        except OSError:
            return self._leave_unread(path)
        return self._look_into(descriptor, path, real_path, depth + 1)

    def _note(self, path: str, real_path: str, facts: os.stat_result) -> None:
        reason = self._rules.reason_against(path, facts.st_size)
        if reason:
            self._listing.leave_out(reason, path)
            if reason == LeftOut.UNSUPPORTED:
                self._listing.unsupported[ending_of(path)] += 1
            return
        if len(self._listing.files) >= MAX_FILES:
            raise FolderUnusable(FolderProblem.TOO_MANY)
        self._listing.files[path] = FoundFile(
            path, real_path, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino
        )

    def _follow(self, link: str) -> None:
        """List what a link leads to, opened by its real path and so without the link."""
        try:
            target = os.path.realpath(os.path.join(self._real_path, link), strict=True)
        except OSError:
            return self._listing.leave_out(LeftOut.LINK_BROKEN, link)
        if target == self._real_path:
            return None
        if not target.startswith(f"{self._real_path}/"):
            return self._listing.leave_out(LeftOut.LINK_OUT, link)
        real_path = target[len(self._real_path) + 1 :]
        if self._rules.excludes(link) or self._rules.excludes(real_path):
            return self._listing.leave_out(LeftOut.EXCLUDED, link)
        try:
            if os.path.isdir(target):
                descriptor = opening.opened_folder_beneath(self._folder, real_path)
                return self._look_into(descriptor, link, real_path, link.count("/") + 1)
            descriptor = opening.opened_file(self._folder, real_path)
        except OSError:
            return self._listing.leave_out(LeftOut.LINK_BROKEN, link)
        try:
            if real_path not in self._seen_files:
                self._seen_files.add(real_path)
                self._note(link, real_path, os.fstat(descriptor))
        finally:
            os.close(descriptor)
        return None

    def _leave_unread(self, path: str) -> None:
        self._listing.unread.append(path)
        self._listing.leave_out(LeftOut.UNREADABLE, path or ".")

    def _count(self) -> None:
        self._n_entries += 1
        if self._n_entries > MAX_ENTRIES:
            raise FolderUnusable(FolderProblem.TOO_MANY)
        if self._n_entries % 500 == 0 and self._is_late():
            raise FolderUnusable(FolderProblem.NO_ANSWER)


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
