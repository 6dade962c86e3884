"""The data folder: the only place that is written to, and the secret key in it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

SECRET_KEY_FILE = "secret_key"  # noqa: S105  (a file name)


def prepare_data_folder(folder: Path) -> None:
    """Create the folder, readable by its owner only. Raises OSError when that is impossible."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def read_or_create_secret_key(folder: Path) -> str:
    """Return the key of this installation, generated at the first start.

    Two processes may start at once: each writes a key of its own beside the final name, and the one that
    links it there first wins. Raises OSError when the folder cannot be read or written.
    """
    path = folder / SECRET_KEY_FILE
    if not path.exists():
        _offer_key(path)
    return path.read_text(encoding="ascii").strip()


def _offer_key(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
