"""The catalogues hold every word of the sources, translated. `make messages` says what is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from webui.management.commands.makemessages import (
    CATALOGUE,
    LOCALES,
    extracted,
    is_translated,
    updated,
    words_in_f_strings,
    written,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The messages of a copy of the sources: extraction writes beside them."""
    copy = tmp_path_factory.mktemp("sources")
    for name in ("webui", "rag", "inference", "templates"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(copy)
        return extracted()


def test_words_in_f_strings_are_words_of_the_sources() -> None:
    source = """label = f"<b>{escape(_('Download'))}</b>" + _("Copy") + f"{name} {'_(1)'}" """

    assert list(words_in_f_strings(source)) == ["Download"]


@pytest.mark.parametrize("name", LOCALES)
def test_a_catalogue_holds_the_words_of_the_sources(name: str, words: Catalog) -> None:
    path = ROOT / "locale" / name / CATALOGUE
    expected = updated(path, name, words)

    assert [message.id for message in expected if message.id and not is_translated(message.string)] == []
    # Sorted, nothing old, nothing fuzzy: as `make messages` writes it.
    assert path.read_text(encoding="utf-8") == written(expected)


@pytest.mark.parametrize("name", LOCALES)
def test_translations_name_the_places_of_their_messages(name: str, words: Catalog) -> None:
    checked = subprocess.run(  # noqa: S603  (our own file)
        ["msgfmt", "--check-format", "-o", "-", ROOT / "locale" / name / CATALOGUE],  # noqa: S607
        capture_output=True,
        check=False,
    )

    assert checked.stderr == b""


@pytest.mark.parametrize("name", LOCALES)
def test_sentences_of_scripts_keep_their_places(name: str, words: Catalog) -> None:
    catalogue = updated(ROOT / "locale" / name / CATALOGUE, name, words)

    lost = [m.id for m in catalogue if isinstance(m.id, str) and _places(m.id) != _places(str(m.string))]

    assert lost == []


def _places(sentence: str) -> set[str]:
    return set(re.findall(r"\{\w+\}", sentence))
