from __future__ import annotations

import gettext
import os
from pathlib import Path

from webui.config.catalogues import compiled_catalogues

HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'


def catalogue(folder: Path, said: str) -> Path:
    path = folder / "zh_Hans" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{HEAD}msgid "Save"\nmsgstr "{said}"\n', encoding="utf-8")
    return path


def said_in(folder: Path) -> str:
    with (folder / "zh_Hans" / "LC_MESSAGES" / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file).gettext("Save")


def test_a_catalogue_is_compiled_when_it_has_changed(tmp_path: Path) -> None:
    source, target = tmp_path / "locale", tmp_path / "compiled"
    path = catalogue(source, "保存")
    assert said_in(compiled_catalogues(source, target)) == "保存"

    catalogue(source, "储存")
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))

    assert said_in(compiled_catalogues(source, target)) == "储存"


def test_what_is_compiled_already_is_left_as_it_is(tmp_path: Path) -> None:
    source, target = tmp_path / "locale", tmp_path / "compiled"
    catalogue(source, "保存")
    compiled_catalogues(source, target)
    compiled = target / "zh_Hans" / "LC_MESSAGES" / "django.mo"
    before = compiled.stat()

    compiled_catalogues(source, target)

    assert compiled.stat().st_ino == before.st_ino
    assert list(compiled.parent.iterdir()) == [compiled]
