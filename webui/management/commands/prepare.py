"""`hearth prepare`: the part of `hearth up` that changes the data folder, for those who run the parts themselves."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webui.management.errors import OperationError
from webui.management.preparing import prepare


class Command(BaseCommand):
    help = "Bring the database to this version, after a snapshot, and create the first administrator."
    requires_system_checks = []

    def handle(self, **options: Any) -> None:
        try:
            prepare(self.stdout.write)
        except OperationError as exc:
            raise CommandError(str(exc)) from exc
