"""The command `hearth` (and manage.py, which is the same)."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

from webui.config.env import WrongSettings

MODEL_SERVER_SETTINGS = "inference.server.settings"
WEB_SETTINGS = "webui.config.settings"
MODEL_COMMANDS = ("serve", "run", "list", "ps", "show", "stop", "rm", "pull")
"""They run or ask a model server, which may stand alone on its machine."""
WRONG_SETTINGS_EXIT_CODE = 2


def main() -> None:
    # The model server knows neither database nor secrets, so it must not read the web's settings.
    settings = MODEL_SERVER_SETTINGS if sys.argv[1:2] and sys.argv[1] in MODEL_COMMANDS else WEB_SETTINGS
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)
    try:
        execute_from_command_line(sys.argv)
    except WrongSettings as exc:
        sys.stderr.write("Hearth cannot start, because the environment holds wrong settings:\n")
        sys.stderr.writelines(f"  {setting}\n" for setting in exc.settings)
        sys.exit(WRONG_SETTINGS_EXIT_CODE)
