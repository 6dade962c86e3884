from __future__ import annotations

from contextlib import aclosing
from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console

from inference.connections.ollama import OllamaConnection
from inference.terminal import server
from inference.terminal.command import ModelCommand
from inference.terminal.pulling import show_progress


class Command(ModelCommand):
    help = "Let the server download a model, or bring one it has up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", help="As in Ollama's library, or hf.co/user/repository.")
        parser.add_argument("--insecure", action="store_true", help="Allow a registry without TLS.")

    def handle(self, *, model: str, insecure: bool, **options: Any) -> None:
        async def work(ollama: OllamaConnection) -> None:
            async with aclosing(ollama.pull_model(model, insecure=insecure)) as steps:
                await show_progress(steps, Console())

        server.run(work)
