"""Decoded prompts on disk: what a slot held before it was needed for somebody else, or before its model was unloaded.

Reading a history back takes milliseconds where decoding it takes seconds or minutes. The files hold people's words, as
tokens and as what the model made of them: they are for their owner's eyes, bounded in size, and gone after a day.
"""

from __future__ import annotations

import logging
import os
import struct
import time
import uuid
import zlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

logger = logging.getLogger(__name__)

Tokens = npt.NDArray[np.int32]

HEAD = struct.Struct("<8sIIQ")
"""Magic, number of tokens, checksum of what follows, bytes of the state."""

MAGIC = b"HEARTHP1"
SUFFIX = ".prefix"
LONGEST_LIFE_S = 24 * 3600.0
MIN_TOKENS = 128
"""Shorter prompts are decoded again: that takes less than a file is worth."""


@dataclass(frozen=True, slots=True)
class Parked:
    """One file: the tokens whose state it holds."""

    path: Path
    tokens: Tokens
    size_bytes: int

    def common_prefix(self, prompt: Tokens) -> int:
        length = min(len(self.tokens), len(prompt))
        differs = np.flatnonzero(self.tokens[:length] != prompt[:length])
        return int(differs[0]) if len(differs) else length


class ParkedPrefixes:
    """The files of one model, as it is loaded now. Used by one thread; one process at a time has the folder.

    Whoever needs a slot does not wait for the disk: files are written by a thread beside, one at a time.

    Args:
        folder: Of this model and these settings alone; made when it is first needed.
        budget_bytes: What all folders beside it may hold together.
    """

    def __init__(self, folder: Path, budget_bytes: int) -> None:
        self._folder = folder
        self._budget_bytes = budget_bytes
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="parking")
        self._written: tuple[Parked, Future[None]] | None = None
        """The file that is being written, or was when this was last looked at."""
        self._delete_old()
        self._parked = [parked for path in _files(folder) if (parked := _read_tokens(path)) is not None]

    def best(self, prompt: Tokens) -> tuple[Parked | None, int]:
        """Return the file that shares the longest beginning with a prompt, and its length in tokens."""
        if self._written is not None and self._written[0].common_prefix(prompt) >= MIN_TOKENS:
            self.flush()  # the very one that is being written may be the best
        self._take_in()
        best = max(self._parked, key=lambda parked: parked.common_prefix(prompt), default=None)
        return (best, best.common_prefix(prompt)) if best is not None else (None, 0)

    def holds(self, tokens: Tokens) -> bool:
        known = [*self._parked, self._written[0]] if self._written is not None else self._parked
        return any(parked.common_prefix(tokens) == len(tokens) for parked in known)

    def read(self, parked: Parked) -> bytes | None:
        """Return the state of a file; None when it is gone or damaged, and then it is forgotten."""
        try:
            data = parked.path.read_bytes()
            os.utime(parked.path)
        except OSError:
            data = b""
        if (state := _checked_state(data)) is None:
            self._forget(parked)
        return state

    def write(self, tokens: Tokens, state: memoryview | bytes) -> None:
        """Begin to keep a state, once the one before it is kept.

        What the disk does not take is not kept; shorter files that this one covers go.
        """
        self.flush()
        size_bytes = HEAD.size + 4 * len(tokens) + len(state)
        if size_bytes > self._budget_bytes:
            return
        for parked in [parked for parked in self._parked if parked.common_prefix(tokens) == len(parked.tokens)]:
            self._forget(parked)
        new = Parked(self._folder / f"{uuid.uuid4().hex}{SUFFIX}", tokens.copy(), size_bytes)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room(size_bytes)
        except OSError as exc:
            _tell_loss(exc)
            return
        self._written = new, self._disk.submit(_write, new.path, new.tokens, state)

    def flush(self) -> None:
        """Wait until everything is on disk."""
        if self._written is not None:
            self._written[1].exception()
        self._take_in()

    def _take_in(self) -> None:
        """Count a file that is written by now among the others."""
        if self._written is None or not self._written[1].done():
            return
        (new, writing), self._written = self._written, None
        try:
            writing.result()
        except OSError as exc:
            _tell_loss(exc)
        else:
            self._parked.append(new)

    def _delete_old(self) -> None:
        for path in [*_files(*self._neighbours()), *self._folder.parent.glob("*/*.new")]:
            if time.time() - path.stat().st_mtime > LONGEST_LIFE_S:
                path.unlink(missing_ok=True)

    def _make_room(self, n_bytes: int) -> None:
        """Delete what was used longest ago, of any model, until there is room."""
        files = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in _files(*self._neighbours()))
        taken = sum(size for _, size, _ in files)
        for _, size, path in files:
            if taken + n_bytes <= self._budget_bytes:
                return
            path.unlink(missing_ok=True)
            self._parked = [parked for parked in self._parked if parked.path != path]
            taken -= size

    def _neighbours(self) -> Iterable[Path]:
        parent = self._folder.parent
        return [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []

    def _forget(self, parked: Parked) -> None:
        parked.path.unlink(missing_ok=True)
        self._parked.remove(parked)


def _files(*folders: Path) -> list[Path]:
    return [path for folder in folders if folder.is_dir() for path in folder.glob(f"*{SUFFIX}")]


def _read_tokens(path: Path) -> Parked | None:
    try:
        with path.open("rb") as file:
            magic, n_tokens, _, n_state = HEAD.unpack(file.read(HEAD.size))
            size_bytes = HEAD.size + 4 * n_tokens + n_state
            if magic != MAGIC or path.stat().st_size != size_bytes:
                return None
            return Parked(path, np.frombuffer(file.read(4 * n_tokens), "<i4").astype(np.int32), size_bytes)
    except (OSError, struct.error, ValueError):
        return None


def _checked_state(data: bytes) -> bytes | None:
    """Return the state in the bytes of a file; None when they are not what was written."""
    if len(data) < HEAD.size:
        return None
    magic, n_tokens, checksum, n_state = HEAD.unpack_from(data)
    body = data[HEAD.size :]
    if magic != MAGIC or len(body) != 4 * n_tokens + n_state or zlib.crc32(body) != checksum:
        return None
    return body[4 * n_tokens :]


def _write(path: Path, tokens: Tokens, state: memoryview | bytes) -> None:
    body = tokens.astype("<i4").tobytes()
    checksum = zlib.crc32(state, zlib.crc32(body))
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        try:
            file.writelines((HEAD.pack(MAGIC, len(tokens), checksum, len(state)), body, state))
            file.flush()
        except OSError:
            new.unlink()
            raise
    new.rename(path)


def _tell_loss(error: OSError) -> None:
    logger.warning("a decoded prompt is not kept on disk: %s", error.strerror)
