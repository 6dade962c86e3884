from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from inference.connections.ollama import OllamaConnection
from inference.terminal import server
from inference.terminal.command import ModelCommand


class Command(ModelCommand):
    help = "Delete models from the server's disk. What they share with others stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("models", nargs="+", metavar="model")

    def handle(self, *, models: list[str], **options: Any) -> None:
        async def work(ollama: OllamaConnection) -> None:
            for model in models:
                await ollama.delete_model(server.named(model))
                self.stdout.write(f"deleted '{model}'")

        server.run(work)
