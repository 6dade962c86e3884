from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from inference.connections.ollama import OllamaConnection
from inference.terminal import server


class Command(BaseCommand):
    help = "Delete models from the server's disk. What they share with others stays."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("models", nargs="+", metavar="model")

    def handle(self, *, models: list[str], **options: Any) -> None:
        async def work(ollama: OllamaConnection) -> None:
            for model in models:
                await ollama.delete_model(server.named(model))
                self.stdout.write(f"deleted '{model}'")

        server.run(work)
