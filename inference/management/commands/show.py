from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from django.core.management.base import CommandError, CommandParser

from inference.connections.ollama import OllamaConnection
from inference.terminal import server, tables
from inference.terminal.command import ModelCommand
from inference.terminal.wrapping import printable

PARTS = ("license", "modelfile", "parameters", "system", "template")


class Command(ModelCommand):
    help = "Show what a model is, what it can do and the options it comes with; or how the server runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", nargs="?")
        only = parser.add_mutually_exclusive_group()
        for part in PARTS:
            only.add_argument(
                f"--{part}", dest="part", action="store_const", const=part, help=f"Print its {part} alone."
            )
        only.add_argument(
            "--variables", action="store_true", help="Print the server's variables: what was given, and what each does."
        )
        only.add_argument("--verbose", action="store_true", help="Print every key of its file and every tensor too.")

    def handle(self, *, model: str | None, part: str | None, variables: bool, verbose: bool, **options: Any) -> None:
        if variables == (model is not None):
            raise CommandError("name a model, or ask for --variables")
        server.run(self._variables if model is None else self._model(model, part, verbose))

    async def _variables(self, ollama: OllamaConnection) -> None:
        settings = (await ollama.server_settings()).settings
        self.stdout.write(printable(tables.variables(settings)))

    def _model(
        self, model: str, part: str | None, verbose: bool
    ) -> Callable[[OllamaConnection], Coroutine[Any, Any, None]]:
        async def work(ollama: OllamaConnection) -> None:
            card = await ollama.show_model(model, verbose=verbose)
            text = getattr(card, part) if part else tables.shown(card, verbose=verbose)
            # A file gets it as it is.
            self.stdout.write(printable(text) if self.stdout.isatty() else text)

        return work
