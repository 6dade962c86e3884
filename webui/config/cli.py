"""The command `hearth` (and manage.py, which is the same)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from django.core.management import execute_from_command_line

from webui.config.env import WrongSettings
from webui.management.overview import overview

MODEL_SERVER_SETTINGS = "inference.server.settings"
WEB_SETTINGS = "webui.config.settings"
MODEL_COMMANDS = ("serve", "run", "list", "ps", "show", "stop", "rm", "pull", "cp", "create", "bench")
"""They run or ask a model server, which may stand alone on its machine."""
ALIASES = {"ls": "list", "start": "serve"}
"""Other names that Ollama's command knows."""
NOT_OFFERED = {
    "push": "Hearth uploads no models to a registry.",
    "signin": "Hearth needs no account at a registry.",
    "signout": "Hearth needs no account at a registry.",
}
FAILED_EXIT_CODE = 1
WRONG_SETTINGS_EXIT_CODE = 2


def main() -> None:
    program, *words = sys.argv
    if words in ([], ["help"], ["--help"], ["-h"]):
        sys.stdout.write(f"{overview()}\n")
        return
    if hint := _hint(words[0]):
        sys.stderr.write(f"Error: {hint}\n")
        sys.exit(FAILED_EXIT_CODE)
    _execute([program, ALIASES.get(words[0], words[0]), *words[1:]])


def _hint(command: str) -> str:
    """Return what to say to a command of Ollama's that there is not, or to a model where a command belongs."""
    if not command.startswith("-") and (":" in command or "/" in command):
        return f"'{command}' is no command. To talk with a model of that name: hearth run {command}"
    return NOT_OFFERED.get(command, "")


def _execute(argv: Sequence[str]) -> None:
    # The model server knows neither database nor secrets, so it must not read the web's settings.
    settings = MODEL_SERVER_SETTINGS if argv[1] in MODEL_COMMANDS else WEB_SETTINGS
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)
    try:
        execute_from_command_line(list(argv))
    except WrongSettings as exc:
        sys.stderr.write("Hearth cannot start, because the environment holds wrong settings:\n")
        sys.stderr.writelines(f"  {setting}\n" for setting in exc.settings)
        sys.exit(WRONG_SETTINGS_EXIT_CODE)
