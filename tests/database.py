"""The database after all migrations: they run once, and whoever needs it afterwards begins with a copy."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
from django.apps import apps
from django.db import connection

from tests.management.commands import ROOT, hearth

# Kept from run to run, beside what pytest keeps.
_FOLDER = ROOT / ".pytest_cache" / "migrated"


def put_database(path: Path) -> None:
    """Write a SQLite database at `path` as a new installation has it."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = _FOLDER / f"{_digest()}.sqlite3"
    with (_FOLDER / "lock").open("w") as lock:
        # Processes of the suite begin at once: one makes it, the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _make(kept)
        shutil.copyfile(kept, path)


def put_own_database() -> None:
    """In a process of its own, write the database that its settings name, unless one that was here before has."""
    path = Path(connection.settings_dict["NAME"])
    if not path.exists():
        put_database(path)


def _make(kept: Path) -> None:
    for outdated in _FOLDER.glob("*.sqlite3"):
        outdated.unlink()
    with tempfile.TemporaryDirectory(dir=_FOLDER) as folder:
        data = Path(folder) / "data"
        prepared = hearth(data, "prepare")
        assert prepared.returncode == 0, prepared.stderr
        (data / "hearth.sqlite3").rename(kept)


def _digest() -> str:
    """Return what changes when another database would come of it."""
    found = hashlib.sha256(f"{django.VERSION} {sqlite3.sqlite_version}".encode())
    for file in _migrations():
        found.update(f"{file.name} {file.parent.parent.name}".encode() + file.read_bytes())
    return found.hexdigest()[:16]


def _migrations() -> Iterator[Path]:
    for app in apps.get_app_configs():
        yield from sorted((Path(app.path) / "migrations").glob("*.py"))
