from __future__ import annotations

from typing import Any

from inference.connections.ollama import OllamaConnection
from inference.terminal import server, tables
from inference.terminal.command import ModelCommand


class Command(ModelCommand):
    help = "List the models that the server holds in memory."

    def handle(self, **options: Any) -> None:
        async def work(ollama: OllamaConnection) -> None:
            self.stdout.write(tables.loaded(await ollama.loaded_models()))

        server.run(work)
