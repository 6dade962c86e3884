from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from webui.administration import config_files
from webui.administration.config_files import Step
from webui.administration.errors import ConfigFileRefused

_CONTROL = dict.fromkeys((*range(32), 127), " ")


class Command(BaseCommand):
    help = (
        "Keep the settings of the site in a YAML file. What the file does not name stays as it is; what the environment"
        " fixes is never changed. A running site follows at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        for deed, words in (
            ("plan", "tell what applying a file would change; change nothing"),
            ("apply", "change what a file says, all of it or nothing"),
        ):
            deeds.add_parser(deed, help=words).add_argument("file", help="the file, or - for standard input")
        deeds.add_parser("export", help="print the file that leads to what administrators have chosen")

    def handle(self, *, deed: str, file: str = "", **options: Any) -> None:
        if deed == "export":
            self.stdout.write(config_files.export(), ending="")
            return
        name = "standard input" if file == "-" else Path(file).name
        try:
            values = config_files.read(_content(file))
        except OSError as exc:
            raise CommandError(f"{file} cannot be read: {exc.strerror}") from exc
        except ConfigFileRefused as exc:
            problems = str(exc).splitlines()
            raise CommandError("\n".join(f"{name}: {problem}" for problem in problems)) from exc
        if deed == "plan":
            self._tell(config_files.plan(values), "to change")
        else:
            self._tell(config_files.apply(values, file_name=name), "changed")

    def _tell(self, steps: list[Step], changed: str) -> None:
        counts = {"changed": 0, "unchanged": 0, "fixed": 0}
        for step in steps:
            counts[step.outcome] += 1
            if step.outcome == "changed":
                source = " (default)" if step.setting.provenance == "default" else ""
                target = " (default)" if step.value is None else ""
                self.stdout.write(f"{step.name}: {_shown(step.setting.value)}{source} -> {_shown(step.wanted)}{target}")
            elif step.outcome == "fixed":
                variable = step.setting.declaration.variable
                self.stdout.write(f"{step.name}: stays {_shown(step.setting.value)}, fixed by {variable}")
        self.stdout.write(
            f"{counts['changed']} {changed}, {counts['unchanged']} as they are"
            + (f", {counts['fixed']} fixed by the environment" if counts["fixed"] else "")
            + "."
        )


def _content(file: str) -> bytes:
    limit = config_files.MAX_BYTES + 1
    if file == "-":
        return sys.stdin.buffer.read(limit)
    with Path(file).open("rb") as source:
        return source.read(limit)


def _shown(value: str) -> str:
    """Return a value on one line, and none of it that a terminal would act upon."""
    line = value.translate(_CONTROL)
    return repr(line if len(line) <= 60 else line[:57] + "...") if not line.isidentifier() else line
