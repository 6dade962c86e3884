"""`hearth restore FILE`: put a snapshot in the place of the database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from webui.management.errors import OperationError
from webui.management.migrating import restore_snapshot, take_snapshot
from webui.management.preflight import lock_data_folder


class Command(BaseCommand):
    help = "Put a snapshot in the place of the database; what is there now becomes a snapshot itself."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("snapshot", help="A file, or the name of one in the folder of snapshots.")

    def handle(self, *, snapshot: str, **options: Any) -> None:
        # An absolute path stays what it is.
        path = settings.HEARTH_SNAPSHOTS / snapshot
        if not path.is_file():
            raise CommandError(f"There is no snapshot {path}.{_those_there_are(settings.HEARTH_SNAPSHOTS)}")
        try:
            lock = lock_data_folder(settings.HEARTH_DATA)
        except OperationError as exc:
            raise CommandError(f"{exc} Stop it first.") from exc
        try:
            before = take_snapshot(settings.HEARTH_SNAPSHOTS, spare=path)
            restore_snapshot(path)
        except OperationError as exc:
            raise CommandError(str(exc)) from exc
        finally:
            os.close(lock)
        self.stdout.write(f"The database is as it was in {path.name}.")
        if before is not None:
            self.stdout.write(f"What it was until now is in {before.name}.")


def _those_there_are(folder: Path) -> str:
    names = sorted(path.name for path in folder.glob("*.sqlite3"))
    return f" There are: {', '.join(names)}." if names else ""
