"""`hearth web`: the site's process. `hearth up` starts it together with the model server."""

from __future__ import annotations

import gc
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from webui.config.static_files import collect_if_changed
from webui.management.migrating import unapplied_migrations
from webui.management.web_server import install_event_loop, serve


class Command(BaseCommand):
    help = "Run the site: pages, the chat socket and the background jobs."
    # They import every page before the first one is asked for; `hearth check` runs them.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HEARTH_HOST)
        parser.add_argument("--port", type=int, default=settings.HEARTH_PORT)

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        if missing := unapplied_migrations():
            raise CommandError(
                f"The database is not at this version ({missing[0]} is missing). Run `hearth up` or `hearth prepare`."
            )
        connection.close()
        if not settings.DEBUG:
            collect_if_changed()

        loop = install_event_loop()
        # Imports everything that pages and sockets need, so only now.
        from webui.config.asgi import application
        from webui.management.jobs import background_jobs

        # What is loaded now stays for good: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        if not serve(application, host=host, port=port, jobs=background_jobs(), loop=loop):
            raise CommandError(f"Cannot listen on {host}:{port}: the port is in use.")
