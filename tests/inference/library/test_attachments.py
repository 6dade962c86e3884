from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inference.library.attachments import Attachments
from inference.library.catalog import Catalog
from inference.library.errors import NotAttachable
from tests.inference.library.stores import make_store, put_model


@pytest.fixture
def attachments(tmp_path: Path) -> Attachments:
    return Attachments(tmp_path / "data" / "attached.json")


@pytest.fixture
def elsewhere(tmp_path: Path, tiny_gguf: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copy(tiny_gguf, folder / "tiny.gguf")
    return folder


def test_an_attached_folder_is_remembered_and_its_models_are_offered(tmp_path: Path, elsewhere: Path) -> None:
    Catalog(tmp_path / "models").attachments.attach(str(elsewhere))

    model = Catalog(tmp_path / "models").find("tiny")

    assert model.source == "attached"
    assert model.path == elsewhere / "tiny.gguf"


def test_attaching_twice_keeps_one_entry(attachments: Attachments, elsewhere: Path) -> None:
    attachments.attach(str(elsewhere))
    attachments.attach(f"{elsewhere}/")

    assert attachments.paths() == [elsewhere]


def test_an_ollama_folder_is_understood_as_its_store(attachments: Attachments, tmp_path: Path, tiny_gguf: Path) -> None:
    store = make_store(tmp_path / ".ollama" / "models")
    put_model(store, "tiny", model=tiny_gguf.read_bytes())

    location = attachments.attach(str(tmp_path / ".ollama"))

    assert (location.kind, location.path) == ("ollama", tmp_path / ".ollama" / "models")


@pytest.mark.parametrize("path", ["", "relative/path", "/", "/nowhere/at/all", "/nowhere/../..", "\0"])
def test_a_path_that_makes_no_sense_is_refused(attachments: Attachments, path: str) -> None:
    with pytest.raises(NotAttachable):
        attachments.attach(path)

    assert attachments.paths() == []


def test_a_file_that_is_no_model_is_refused_with_the_reason(attachments: Attachments, tmp_path: Path) -> None:
    (tmp_path / "fake.gguf").write_text("I am no model")
    (tmp_path / "notes.txt").write_text("notes")

    with pytest.raises(NotAttachable) as not_a_model:
        attachments.attach(str(tmp_path / "fake.gguf"))
    with pytest.raises(NotAttachable, match="not a .gguf file"):
        attachments.attach(str(tmp_path / "notes.txt"))

    assert not_a_model.value.reason


def test_an_empty_folder_is_refused(attachments: Attachments, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(NotAttachable, match="holds no GGUF model"):
        attachments.attach(str(tmp_path / "empty"))


def test_a_place_that_went_away_is_passed_over(attachments: Attachments, elsewhere: Path) -> None:
    attachments.attach(str(elsewhere))
    shutil.rmtree(elsewhere)

    assert attachments.locations() == []


def test_a_damaged_list_is_an_empty_one(attachments: Attachments, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "attached.json").write_text("{broken")

    assert attachments.paths() == []
