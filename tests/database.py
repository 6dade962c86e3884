"""What a new installation makes at its first start: it is made once, and whoever needs it begins with a copy.

The database after all migrations, and the cache with the static files and the catalogues of languages.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.apps import apps
from django.db import connection

from tests.management.commands import ROOT, environment_for, hearth

# Kept from run to run, beside what pytest keeps.
_FOLDER = ROOT / ".pytest_cache" / "migrated"
# Uses what the site's process does at its start, with the settings of the product.
_FILL_CACHE = "import django; django.setup(); from webui.config.static_files import collect_if_changed as c; c()"


def put_database(path: Path) -> None:
    """Write a SQLite database at `path` as a new installation has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _kept(f"{_digest_of_migrations()}.sqlite3", _make_database) as kept:
        shutil.copyfile(kept, path)


def put_data(folder: Path) -> None:
    """Write what a site needs to start at once, into a new data folder."""
    put_database(folder / "hearth.sqlite3")
    with _kept(f"{_digest_of_sources()}.cache", _make_cache) as kept:
        # With their times, by which it is seen that they are those of the sources.
        shutil.copytree(kept, folder / "cache")


def put_own_database() -> None:
    """In a process of its own, write the database that its settings name, unless one that was here before has."""
    path = Path(connection.settings_dict["NAME"])
    if not path.exists():
        put_database(path)


@contextmanager
def _kept(name: str, make: Callable[[Path, Path], None]) -> Iterator[Path]:
    """Give what is kept by a name; first make it, in a new data folder, when it is not there yet."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    kept = _FOLDER / name
    with (_FOLDER / "lock").open("w") as lock:
        # Processes of the suite begin at once: one makes it, the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            for outdated in _FOLDER.glob(f"*{kept.suffix}"):
                outdated.unlink() if outdated.is_file() else shutil.rmtree(outdated)
            with tempfile.TemporaryDirectory(dir=_FOLDER) as folder:
                make(Path(folder) / "data", kept)
        yield kept


def _make_database(data: Path, kept: Path) -> None:
    prepared = hearth(data, "prepare")
    assert prepared.returncode == 0, prepared.stderr
    (data / "hearth.sqlite3").rename(kept)


def _make_cache(data: Path, kept: Path) -> None:
    environment = environment_for(data, DJANGO_SETTINGS_MODULE="webui.config.settings")
    subprocess.run([sys.executable, "-c", _FILL_CACHE], cwd=ROOT, env=environment, check=True)  # noqa: S603
    (data / "cache").rename(kept)


def _digest_of_migrations() -> str:
    """Return what changes when another database would come of it."""
    found = hashlib.sha256(f"{django.VERSION} {sqlite3.sqlite_version}".encode())
    for file in _migrations():
        found.update(f"{file.name} {file.parent.parent.name}".encode() + file.read_bytes())
    return found.hexdigest()[:16]


def _digest_of_sources() -> str:
    """Return what changes when a site would not take its static files or catalogues for those that it needs."""
    found = hashlib.sha256()
    for folder in (ROOT / "static", ROOT / "locale"):
        for file in sorted(folder.rglob("*")):
            found.update(f"{file} {file.stat().st_mtime_ns}".encode())
    return found.hexdigest()[:16]


def _migrations() -> Iterator[Path]:
    for app in apps.get_app_configs():
        yield from sorted((Path(app.path) / "migrations").glob("*.py"))
