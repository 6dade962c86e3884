"""Which process may write documents' vectors: the one that holds the lock on their folder.

An embedded Chroma does not notice what another process writes and then answers wrong, so there is exactly one owner.
The kernel gives the lock back when its process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import shutil
import threading
from typing import IO

from rag import conf
from rag.errors import StoreOwnedElsewhere, StoreUnavailable

_LOCK_NAME = "owner.lock"

_lock_file: IO[bytes] | None = None
_guard = threading.Lock()


def acquire() -> None:
    """Make this process the owner, if it is not yet.

    Raises:
        StoreOwnedElsewhere: Another process is.
        StoreUnavailable: The folder cannot be created or written.
    """
    global _lock_file
    with _guard:
        if _lock_file is not None:
            return
        folder = conf.vectors_folder()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock_file = (folder / _LOCK_NAME).open("ab")
        except OSError as exc:
            raise StoreUnavailable(exc.strerror) from exc
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            lock_file.close()
            raise StoreOwnedElsewhere from exc
        _lock_file = lock_file


def release() -> None:
    global _lock_file
    with _guard:
        if _lock_file is not None:
            _lock_file.close()
        _lock_file = None


def empty_folder() -> None:
    """Remove all that the owner keeps in the folder, for good: what Chroma deletes stays in its file for a while.

    Raises StoreUnavailable.
    """
    try:
        for path in conf.vectors_folder().iterdir():
            if path.name == _LOCK_NAME:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as exc:
        raise StoreUnavailable(exc.strerror) from exc
