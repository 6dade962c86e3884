from __future__ import annotations

import os
import sys
from typing import Any

from inference.server import process
from inference.terminal.command import ModelCommand


class Command(ModelCommand):
    help = "Run the built-in model server alone: Ollama's API at OLLAMA_HOST."

    def handle(self, *args: Any, **options: Any) -> None:
        if os.environ.get("DJANGO_SETTINGS_MODULE") != process.SETTINGS:
            # The web's settings are loaded, with its secrets and its memory: start over without them.
            command = [sys.executable, "-m", "inference.server"]
            os.execve(sys.executable, command, process.environment_for_child(os.environ))  # noqa: S606
        process.main()
