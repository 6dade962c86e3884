from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from inference.connections.ollama import OllamaConnection
from inference.terminal import server, tables
from inference.terminal.command import ModelCommand


class Command(ModelCommand):
    help = "List the models of the server at OLLAMA_HOST."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("beginning", nargs="?", default="", help="Only models whose names begin like that.")

    def handle(self, *, beginning: str, **options: Any) -> None:
        async def work(ollama: OllamaConnection) -> None:
            models = [m for m in await ollama.listed_models() if m["name"].lower().startswith(beginning.lower())]
            self.stdout.write(tables.listed(models))

        server.run(work)
