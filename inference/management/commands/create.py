from __future__ import annotations

import sys
from contextlib import aclosing
from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console

from inference.connections.ollama import OllamaConnection
from inference.terminal import server
from inference.terminal.command import ModelCommand
from inference.terminal.modelfiles import make, order_of, read_modelfile
from inference.terminal.pulling import show_progress

NO_QUANTIZING = (
    "--quantize is not supported: quantize the GGUF with llama.cpp's llama-quantize, and begin with the result."
)


class Command(ModelCommand):
    help = "Make a model out of another one, or of a GGUF file, as a Modelfile says."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", help="The new model's name.")
        parser.add_argument("-f", "--file", default="Modelfile", help="The Modelfile; - reads it from standard input.")
        parser.add_argument("-q", "--quantize", default="", help="Not supported.")

    def handle(self, *, model: str, file: str, quantize: str, **options: Any) -> None:
        with server.told_failures():
            if quantize:
                raise server.CommandFailed(NO_QUANTIZING)
            modelfile, folder = read_modelfile(file)
            order = order_of(model, modelfile, folder)
        for warning in modelfile.warnings():
            sys.stderr.write(f"Warning: {warning}\n")

        async def work(ollama: OllamaConnection) -> None:
            async with aclosing(make(ollama, order)) as steps:
                await show_progress(steps, Console())

        server.run(work)
