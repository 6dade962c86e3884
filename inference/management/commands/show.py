from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from inference.connections.ollama import OllamaConnection
from inference.terminal import server, tables
from inference.terminal.command import ModelCommand
from inference.terminal.wrapping import printable

PARTS = ("license", "modelfile", "parameters", "system", "template")


class Command(ModelCommand):
    help = "Show what a model is: its shape, what it can do, and the options it comes with."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model")
        only = parser.add_mutually_exclusive_group()
        for part in PARTS:
            only.add_argument(
                f"--{part}", dest="part", action="store_const", const=part, help=f"Print its {part} alone."
            )
        only.add_argument("--verbose", action="store_true", help="Print every key of its file and every tensor too.")

    def handle(self, *, model: str, part: str | None, verbose: bool, **options: Any) -> None:
        async def work(ollama: OllamaConnection) -> None:
            card = await ollama.show_model(model, verbose=verbose)
            text = getattr(card, part) if part else tables.shown(card, verbose=verbose)
            # A file gets it as it is.
            self.stdout.write(printable(text) if self.stdout.isatty() else text)

        server.run(work)
