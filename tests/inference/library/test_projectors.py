"""Which model sees with which file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inference.errors import ModelLoadFailed
from inference.library.catalog import Catalog
from inference.library.projectors import check_projector
from tests.doubles.gguf_vision import build_projector
from tests.inference.library.stores import digest_of, make_store, put_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def projector(gguf_folder: Path) -> Path:
    return build_projector(gguf_folder / "mmproj.gguf")


def seeing(folder: Path) -> dict[str, str]:
    """Return which models see, and with which file."""
    models = Catalog(folder).snapshot().models
    assert all(("vision" in model.capabilities) == (model.projector is not None) for model in models)
    return {model.name.short: model.projector.name for model in models if model.projector is not None}


def test_a_lone_model_sees_with_the_projector_beside_it(folder: Path, tiny_gguf: Path, projector: Path) -> None:
    for name in ("llava/tiny-Q4_K_M.gguf", "llava/tiny-Q8_0.gguf", "blind/tiny-F16.gguf"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(tiny_gguf, folder / name)
    shutil.copy(projector, folder / "llava" / "mmproj-model-f16.gguf")

    assert seeing(folder) == {"tiny:q4_k_m": "mmproj-model-f16.gguf", "tiny:q8_0": "mmproj-model-f16.gguf"}


def test_among_several_models_the_name_decides(folder: Path, tiny_gguf: Path, projector: Path) -> None:
    for name in ("one-F16.gguf", "other-F16.gguf"):
        shutil.copy(tiny_gguf, folder / name)
    shutil.copy(projector, folder / "mmproj-model-f16.gguf")
    assert seeing(folder) == {}

    shutil.copy(projector, folder / "mmproj-other-f16.gguf")

    assert seeing(folder) == {"other:f16": "mmproj-other-f16.gguf"}


def test_a_projector_of_another_width_is_not_taken(folder: Path, tiny_gguf: Path, embedding_gguf: Path) -> None:
    shutil.copy(tiny_gguf, folder / "tiny.gguf")
    build_projector(folder / "mmproj-tiny.gguf", text_width=128)

    assert seeing(folder) == {}


def test_embedding_models_do_not_see(folder: Path, embedding_gguf: Path, projector: Path) -> None:
    shutil.copy(embedding_gguf, folder / "embedder.gguf")
    shutil.copy(projector, folder / "mmproj-embedder.gguf")

    assert seeing(folder) == {}


def test_a_hugging_face_snapshot_is_looked_through(
    tmp_path: Path, folder: Path, tiny_gguf: Path, projector: Path
) -> None:
    snapshot = tmp_path / "hub" / "models--org--tiny" / "snapshots" / "abc"
    (snapshot / "Q4_K_M").mkdir(parents=True)
    shutil.copy(tiny_gguf, snapshot / "Q4_K_M" / "tiny-Q4_K_M.gguf")
    shutil.copy(projector, snapshot / "mmproj-F16.gguf")
    catalog = Catalog(folder)
    catalog.attachments.attach(str(tmp_path / "hub"))

    (model,) = catalog.snapshot().models

    assert model.projector == snapshot / "mmproj-F16.gguf"
    assert model.size_bytes == tiny_gguf.stat().st_size + projector.stat().st_size


def test_a_stored_model_brings_its_projector(tmp_path: Path, folder: Path, tiny_gguf: Path, projector: Path) -> None:
    store = make_store(tmp_path / "ollama")
    put_model(store, "llava", model=tiny_gguf.read_bytes(), projector=projector.read_bytes())
    put_model(store, "blind", model=tiny_gguf.read_bytes(), projector=b"GGUF, but broken")

    snapshot = Catalog(folder, ollama_store=tmp_path / "ollama").snapshot()

    found = {model.name.short: model for model in snapshot.models}
    assert found["llava:latest"].projector == store.blob_file(digest_of(projector.read_bytes()))
    assert found["llava:latest"].capabilities == {"completion", "vision"}
    assert found["blind:latest"].projector is None
    assert [broken.path for broken in snapshot.broken] == [store.blob_file(digest_of(b"GGUF, but broken"))]


def test_a_projector_goes_with_the_last_model_that_sees_with_it(folder: Path, tiny_gguf: Path, projector: Path) -> None:
    for name in ("tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf"):
        shutil.copy(tiny_gguf, folder / name)
    beside = Path(shutil.copy(projector, folder / "mmproj-tiny.gguf"))
    catalog = Catalog(folder)

    catalog.delete("tiny:q4_k_m")
    assert beside.exists()
    catalog.delete("tiny:q8_0")

    assert list(folder.iterdir()) == []


def test_only_a_projector_for_images_is_one(tiny_gguf: Path, projector: Path) -> None:
    check_projector("tiny", projector)
    with pytest.raises(ModelLoadFailed, match="is no projector for images"):
        check_projector("tiny", tiny_gguf)
