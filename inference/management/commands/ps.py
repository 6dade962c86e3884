from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from inference.connections.ollama import OllamaConnection
from inference.terminal import server, tables


class Command(BaseCommand):
    help = "List the models that the server holds in memory."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        async def work(ollama: OllamaConnection) -> None:
            self.stdout.write(tables.loaded(await ollama.loaded_models()))

        server.run(work)
