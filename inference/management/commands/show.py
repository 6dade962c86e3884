from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from inference.connections.ollama import OllamaConnection
from inference.terminal import server, tables

PARTS = ("license", "modelfile", "parameters", "system", "template")


class Command(BaseCommand):
    help = "Show what a model is: its shape, what it can do, and the options it comes with."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model")
        only = parser.add_mutually_exclusive_group()
        for part in PARTS:
            only.add_argument(
                f"--{part}", dest="part", action="store_const", const=part, help=f"Print its {part} alone."
            )

    def handle(self, *, model: str, part: str | None, **options: Any) -> None:
        async def work(ollama: OllamaConnection) -> None:
            card = await ollama.show_model(model)
            self.stdout.write(getattr(card, part) if part else tables.shown(card))

        server.run(work)
