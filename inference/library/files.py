"""Folders: find the GGUF files in one without ever walking somebody's whole disk, and make its names last."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

MAX_DEPTH = 8
MAX_ENTRIES = 50_000
"""Directory entries looked at below one root; what lies beyond is not offered."""


def gguf_files(root: Path, *, skip: Collection[str] = ()) -> Iterator[Path]:
    """Yield every `*.gguf` below `root` in a stable order, following links to files but not to folders.

    Args:
        skip: Names of folders directly below `root` that are not entered.

    Raises:
        OSError: `root` itself cannot be read. Folders below it that cannot are passed over.
    """
    os.listdir(root)
    n_entries = 0
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and depth < MAX_DEPTH and not (depth == 0 and name in skip)
        )
        n_entries += len(folders) + len(files)
        if n_entries > MAX_ENTRIES:
            return
        yield from (here / name for name in sorted(files) if is_gguf_name(name))


def is_gguf_name(name: str) -> bool:
    return name.lower().endswith(".gguf") and not name.startswith(".")


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
