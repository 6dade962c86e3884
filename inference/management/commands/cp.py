from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from inference.connections.ollama import OllamaConnection
from inference.terminal import server
from inference.terminal.command import ModelCommand


class Command(ModelCommand):
    help = "Give a model a second name. Both share their files on the server's disk."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source")
        parser.add_argument("destination")

    def handle(self, *, source: str, destination: str, **options: Any) -> None:
        async def work(ollama: OllamaConnection) -> None:
            await ollama.copy_model(source, destination)
            self.stdout.write(f"copied '{source}' to '{destination}'")

        server.run(work)
