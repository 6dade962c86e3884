"""Opening what lies beneath a folder, without ever following a link out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from rag import conf
from rag.errors import FolderUnusable
from rag.folders.rules import is_storable
from rag.types import FolderProblem

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe that was put in a file's place would wait for a writer.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@contextmanager
def opened_folder(path: str) -> Iterator[tuple[int, str]]:
    """Open a folder that the settings allow; give its descriptor and its real path.

    Only the allowed folder itself may be a link, as whoever runs the server named it; below it none is followed.

    Raises:
        FolderUnusable
    """
    root, below = _root_of(path)
    try:
        descriptor = os.open(root, _FOLDER_FLAGS)
        if below:
            try:
                inner = _open_beneath(descriptor, below, _FOLDER_FLAGS)
            finally:
                os.close(descriptor)
            descriptor = inner
    except OSError as exc:
        raise FolderUnusable(_problem_of(exc)) from exc
    try:
        yield descriptor, os.path.join(root, below) if below else root
    finally:
        os.close(descriptor)


def opened_subfolder(folder: int, name: str) -> int:
    """Open a folder by its name in an open one. Raises OSError, also when it is a link."""
    return os.open(name, _FOLDER_FLAGS, dir_fd=folder)


def opened_folder_beneath(folder: int, path: str) -> int:
    """Open a folder by its path beneath an open one. Raises OSError, also when a link is on the way."""
    return _open_beneath(folder, path, _FOLDER_FLAGS)


def opened_file(folder: int, path: str) -> int:
    """Open a regular file by its path beneath an open folder.

    Raises:
        OSError: Also when it, or a folder on the way, is a link, or when it is no regular file.
    """
    descriptor = _open_beneath(folder, path, _FILE_FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"no regular file: {path}")
    return descriptor


def _open_beneath(folder: int, path: str, flags: int) -> int:
    """Open a path step by step; a step that is a link is refused, also one put in between. Raises OSError."""
    *above, name = path.split("/")
    if {"", ".", ".."} & {*above, name}:
        raise OSError(f"not a path beneath a folder: {path}")
    descriptor = os.dup(folder)
    try:
        for step in above:
            inner = os.open(step, _FOLDER_FLAGS, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        return os.open(name, flags, dir_fd=descriptor)
    finally:
        os.close(descriptor)


def root_of(path: str) -> Path | None:
    """Return the allowed folder that a path is, or lies in, as the settings name it; None if there is none."""
    wanted = PurePosixPath(os.path.normpath(path))
    roots = sorted(conf.folder_roots(), key=lambda root: len(root.parts), reverse=True)
    return next((root for root in roots if wanted.is_relative_to(root)), None)


def subfolders(path: str, limit: int) -> list[str]:
    """Return the names of the folders in a folder that the settings allow, hidden ones and links left out.

    Raises:
        FolderUnusable
    """
    with opened_folder(path) as (descriptor, _), os.scandir(descriptor) as entries:
        names = (e.name for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False))
        usable = sorted((name for name in names if is_storable(name)), key=str.casefold)
    return usable[:limit]


def _root_of(path: str) -> tuple[str, str]:
    """Return the real path of the allowed folder that a path lies in, and the rest of the path below it."""
    if not conf.folder_roots():
        raise FolderUnusable(FolderProblem.OFF)
    root = root_of(path)
    if root is None:
        raise FolderUnusable(FolderProblem.NOT_ALLOWED)
    real = Path(os.path.realpath(root))
    if is_refused_root(real):
        raise FolderUnusable(FolderProblem.HOLDS_DATA)
    below = str(PurePosixPath(os.path.normpath(path)).relative_to(root))
    return str(real), "" if below == "." else below


def is_refused_root(real: Path) -> bool:
    """Whether a folder can never be followed: it would hand out the site's own data, or it holds no files of people."""
    data = Path(os.path.realpath(conf.data_folder()))
    kernel = (Path("/proc"), Path("/sys"), Path("/dev"))
    return data.is_relative_to(real) or real.is_relative_to(data) or any(map(real.is_relative_to, kernel))


def _problem_of(exc: OSError) -> FolderProblem:
    match exc:
        case FileNotFoundError():
            return FolderProblem.GONE
        case PermissionError():
            return FolderProblem.NO_ACCESS
        case NotADirectoryError():
            # What the kernel says of a link, too, when a folder is wanted.
            return FolderProblem.NOT_A_FOLDER
        case _:
            return FolderProblem.NO_ANSWER
