"""`manage.py makemessages`: bring the catalogues of the checkout up to the words in the sources.

Written so that two people's changes rarely meet: sorted, one line a message, without places, dates and old messages.
"""

from __future__ import annotations

import ast
import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.management.commands import makemessages

LOCALES = ("ar", "zh_Hans")
CATALOGUE = "LC_MESSAGES/django.po"
NOT_SOURCES = ("tests", "bench", "docs", "data", "locale")
PLACES = re.compile(r"%\(\w+\)")
UNUSED_HEADERS = (
    "POT-Creation-Date",
    "PO-Revision-Date",
    "Generated-By",
    "Last-Translator",
    "Language-Team",
    "Report-Msgid-Bugs-To",
)


class Command(BaseCommand):
    help = "Bring the catalogues in locale/ up to the words in the sources. Needs GNU gettext; run it at the top."
    requires_system_checks = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--folder", type=Path, default=Path("locale"), help="where the catalogues are")

    def handle(self, *, folder: Path, **options: Any) -> None:
        if not Path("manage.py").is_file():
            raise CommandError("Run this in the folder of manage.py.")
        words = extracted()
        for name in LOCALES:
            path = folder / name / CATALOGUE
            catalogue = updated(path, name, words)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(written(catalogue), encoding="utf-8")
            missing = [message.id for message in catalogue if message.id and not is_translated(message.string)]
            self.stdout.write(f"{path}: {len(catalogue)} messages, {len(missing)} to translate")
            for message in missing:
                self.stdout.write(f"  {message if isinstance(message, str) else message[0]}")


class Extraction(makemessages.Command):
    """Django's, which would write beside the sources."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def build_potfiles(self) -> list[str]:
        self.locale_paths, self.default_locale_path = [self._folder], self._folder
        return super().build_potfiles()


def extracted() -> Catalog:
    """Return all messages of the sources below the current folder."""
    ignored = [f"{name}/*" for name in NOT_SOURCES]
    with tempfile.TemporaryDirectory() as folder:
        call_command(Extraction(folder), locale=["en"], ignore_patterns=ignored, no_location=True, verbosity=0)
        with (Path(folder) / "en" / CATALOGUE).open("rb") as file:
            words = read_po(file, locale="en")
    for path in Path().glob("*/**/*.py"):
        if path.parts[0] not in NOT_SOURCES and not path.parts[0].startswith("."):
            for message in words_in_f_strings(path.read_text(encoding="utf-8")):
                words.add(message, flags=["python-format"] if PLACES.search(message) else [])
    return words


def words_in_f_strings(source: str) -> Iterator[str]:
    """Yield the messages that stand within f-strings, where gettext's own extraction does not look."""
    if "_(" not in source:
        return
    for outer in ast.walk(ast.parse(source)):
        if isinstance(outer, ast.JoinedStr):
            for node in ast.walk(outer):
                match node:
                    case ast.Call(func=ast.Name(id="_"), args=[ast.Constant(value=str(message))]):
                        yield message


def updated(path: Path, name: str, words: Catalog) -> Catalog:
    """Return the catalogue of a language with the messages of `words`; what is no longer said is gone."""
    catalogue = Catalog(locale=Locale.parse(name))
    if path.is_file():
        with path.open("rb") as file:
            catalogue = read_po(file, locale=name)
    catalogue.update(words, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.fuzzy = False
    for message in catalogue:
        # Places and remarks of the extraction would change with every move of a line.
        message.auto_comments, message.flags = [], message.flags & {"python-format", "python-brace-format"}
    return catalogue


def written(catalogue: Catalog) -> str:
    file = io.BytesIO()
    write_po(file, catalogue, width=0, no_location=True, sort_output=True, ignore_obsolete=True)
    lines = file.getvalue().decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(tuple(f'"{name}:' for name in UNUSED_HEADERS)))


def is_translated(string: str | tuple[str, ...] | list[str] | None) -> bool:
    return all(string) if isinstance(string, (tuple, list)) else bool(string)
