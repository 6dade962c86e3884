from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from inference.connections.ollama import OllamaConnection
from inference.terminal import server
from inference.terminal.command import ModelCommand


class Command(ModelCommand):
    help = "Take a model out of the server's memory."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model")

    def handle(self, *, model: str, **options: Any) -> None:
        async def work(ollama: OllamaConnection) -> None:
            await ollama.unload_model(server.named(model))

        server.run(work)
