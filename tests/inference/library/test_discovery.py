from __future__ import annotations

import shutil
from pathlib import Path

from inference.library.catalog import Catalog
from inference.library.discovery import found_stores
from tests.inference.library.stores import make_store, put_model


def make_huggingface_cache(root: Path, gguf: Path) -> Path:
    repository = root / "models--alice--Tiny-GGUF"
    snapshot = repository / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    shutil.copy(gguf, repository / "blobs" / "feed")
    (snapshot / "Tiny-Q8_0.gguf").symlink_to(repository / "blobs" / "feed")
    (snapshot / "README.md").write_text("about")
    return root


def test_stores_of_other_programs_are_found_with_their_counts(tmp_path: Path, tiny_gguf: Path) -> None:
    put_model(make_store(tmp_path / ".ollama" / "models"), "tiny", model=tiny_gguf.read_bytes())
    make_huggingface_cache(tmp_path / ".cache" / "huggingface" / "hub", tiny_gguf)
    studio = tmp_path / ".lmstudio" / "models" / "alice" / "tiny"
    studio.mkdir(parents=True)
    shutil.copy(tiny_gguf, studio / "tiny.gguf")

    found = {store.kind: store for store in found_stores({}, tmp_path)}

    assert set(found) == {"ollama", "huggingface", "lmstudio"}
    assert all(store.n_models == 1 for store in found.values())
    assert all(store.size_bytes == tiny_gguf.stat().st_size for store in found.values())


def test_an_empty_store_is_not_offered(tmp_path: Path) -> None:
    make_store(tmp_path / ".ollama" / "models")

    assert found_stores({}, tmp_path) == []


def test_what_is_attached_already_is_not_offered(tmp_path: Path, tiny_gguf: Path) -> None:
    store = make_store(tmp_path / ".ollama" / "models")
    put_model(store, "tiny", model=tiny_gguf.read_bytes())

    assert found_stores({}, tmp_path, known=[store.root]) == []


def test_the_environment_names_further_places(tmp_path: Path, tiny_gguf: Path) -> None:
    put_model(make_store(tmp_path / "mine"), "tiny", model=tiny_gguf.read_bytes())
    make_huggingface_cache(tmp_path / "hf" / "hub", tiny_gguf)
    environ = {"OLLAMA_MODELS": str(tmp_path / "mine"), "HF_HOME": str(tmp_path / "hf")}

    found = found_stores(environ, tmp_path / "home")

    assert [store.kind for store in found] == ["ollama", "huggingface"]


def test_a_huggingface_cache_is_served_through_its_links(tmp_path: Path, tiny_gguf: Path) -> None:
    cache = make_huggingface_cache(tmp_path / "hub", tiny_gguf)
    catalog = Catalog(tmp_path / "models")

    catalog.attachments.attach(str(cache))

    assert [model.name.short for model in catalog.snapshot(fresh=True).models] == ["hf.co/alice/Tiny-GGUF:Q8_0"]
