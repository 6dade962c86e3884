"""Brings the database to this version: one migrator at a time, a snapshot first, never half of it."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from webui.management.errors import MigrationFailed

SNAPSHOTS_KEPT = 5
SNAPSHOT_PATTERN = "hearth-*.sqlite3"
# Any number will do, as long as all our processes use the same.
POSTGRESQL_LOCK_ID = 4_327_841


def unapplied_migrations() -> list[str]:
    """Return names like `rag.0002_lexical_index`, in the order in which they would run."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def unknown_migrations() -> list[str]:
    """Return what a newer version has applied to this database and this version does not know."""
    loader = MigrationExecutor(connection).loader
    if not loader.applied_migrations:
        return []
    known_apps = loader.migrated_apps
    unknown = [key for key in loader.applied_migrations if key[0] in known_apps and key not in loader.disk_migrations]
    replaced = {key for migration in loader.disk_migrations.values() for key in migration.replaces}
    return sorted(f"{app}.{name}" for app, name in unknown if (app, name) not in replaced)


def migrate(*, data_folder: Path, snapshots: Path) -> list[str]:
    """Apply what is missing and return its names; cheap when nothing is.

    Raises:
        MigrationFailed: A migration failed and the database is as it was before, or a newer version wrote it.
    """
    with _only_migrator(data_folder):
        if unknown := unknown_migrations():
            raise MigrationFailed(
                "A newer version of Hearth has written this database "
                f"(it knows {unknown[-1]}). Start that version, or restore a snapshot of before with `hearth restore`."
            )
        missing = unapplied_migrations()
        if not missing:
            return []
        snapshot = take_snapshot(snapshots)
        try:
            call_command("migrate", interactive=False, verbosity=0)
        except Exception as exc:
            raise MigrationFailed(_after_failure(exc, snapshot)) from exc
        return missing


def _after_failure(error: Exception, snapshot: Path | None) -> str:
    what = f"The database could not be brought to this version: {type(error).__name__}: {error}."
    if snapshot is None:
        return f"{what} Each migration is a transaction of its own, so no table is half changed; see the log above."
    restore_snapshot(snapshot)
    return f"{what} It has been put back as it was before; the version that wrote it can be started. See the log above."


def take_snapshot(folder: Path, *, spare: Path | None = None) -> Path | None:
    """Copy a SQLite database that holds anything; return None for a new one and for PostgreSQL.

    The copy is consistent also while others write, and appears under its name only when it is whole.
    The oldest snapshots make room for it, but never `spare`.
    """
    database = _sqlite_path()
    if database is None or not _has_tables(database):
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"hearth-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.sqlite3"
    draft = path.with_suffix(".part")
    _copy(database, draft)
    draft.chmod(0o600)
    draft.rename(path)
    for old in sorted(folder.glob(SNAPSHOT_PATTERN))[:-SNAPSHOTS_KEPT]:
        if old != spare:
            old.unlink()
    return path


def restore_snapshot(snapshot: Path) -> None:
    """Put a snapshot in the place of the database, through SQLite, so that open readers see a transaction."""
    database = _sqlite_path()
    if database is None:
        raise MigrationFailed("Snapshots exist for SQLite only.")
    connection.close()
    try:
        _copy(snapshot, database)
    except sqlite3.DatabaseError as exc:
        raise MigrationFailed(f"{snapshot} could not be restored: {exc}.") from exc


def _copy(source: Path, target: Path) -> None:
    with _opened(source) as reader, _opened(target) as writer:
        reader.backup(writer)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that is closed at the end; sqlite3's own context manager only commits."""
    database = sqlite3.connect(path, timeout=30)
    try:
        yield database
    finally:
        database.close()


def _has_tables(database: Path) -> bool:
    if not database.exists():
        return False
    with _opened(database) as opened:
        return bool(opened.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0])


def _sqlite_path() -> Path | None:
    return Path(connection.settings_dict["NAME"]) if connection.vendor == "sqlite" else None


@contextmanager
def _only_migrator(data_folder: Path) -> Iterator[None]:
    """Make others wait: processes of this data folder, and with PostgreSQL also those of other machines."""
    with (data_folder / "migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if connection.vendor != "postgresql":
            yield
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [POSTGRESQL_LOCK_ID])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [POSTGRESQL_LOCK_ID])
