"""Stores of other programs, used where they lie: named as their owner names them, never changed, never left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.errors import ModelNotFound
from inference.library.catalog import Catalog
from inference.library.errors import NotAttachable, ReadOnlyModel
from tests.doubles.accounts import open_folder, without_privileges
from tests.doubles.gguf_files import split_gguf
from tests.inference.library.stores import make_store, put_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "models", max_age_s=0)


def cache_file(
    root: Path, name: str, gguf: Path, *, repository: str = "alice--Tiny-GGUF", commit: str = COMMIT
) -> Path:
    """Put a file into a Hugging Face cache: a blob, and a link to it in a snapshot."""
    folder = root / f"models--{repository}"
    blob = folder / "blobs" / f"{commit[:8]}{name}"
    link = folder / "snapshots" / commit / name
    for parent in (blob.parent, link.parent, folder / "refs"):
        parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(gguf, blob)
    link.symlink_to(os.path.relpath(blob, link.parent))
    return link


def names(catalog: Catalog) -> list[str]:
    return sorted(model.name.short for model in catalog.snapshot(fresh=True).models)


def problems(catalog: Catalog) -> dict[str, str]:
    return {broken.path.name: broken.problem for broken in catalog.snapshot(fresh=True).broken}


def contents(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in sorted(root.rglob("*"))}


def test_a_hugging_face_cache_keeps_the_hub_s_names(catalog: Catalog, tmp_path: Path, tiny_gguf: Path) -> None:
    cache = tmp_path / "hub"
    cache_file(cache, "Tiny-Q8_0.gguf", tiny_gguf)
    cache_file(cache, "Tiny-Q4_K_M.gguf", tiny_gguf)
    cache_file(cache, "plain.gguf", tiny_gguf, repository="bob--plain")

    catalog.attachments.attach(str(cache))

    assert names(catalog) == [
        "hf.co/alice/Tiny-GGUF:Q4_K_M",
        "hf.co/alice/Tiny-GGUF:Q8_0",
        "hf.co/bob/plain:plain.gguf",
    ]
    assert catalog.find("huggingface.co/alice/tiny-gguf:q8_0").source == "attached"


def test_the_snapshot_of_a_branch_has_the_name(catalog: Catalog, tmp_path: Path, tiny_gguf: Path) -> None:
    cache = tmp_path / "hub"
    older, newer = "a" * 40, "b" * 40
    cache_file(cache, "Tiny-Q8_0.gguf", tiny_gguf, commit=older)
    link = cache_file(cache, "Tiny-Q8_0.gguf", tiny_gguf, commit=newer)
    (cache / "models--alice--Tiny-GGUF" / "refs" / "main").write_text(newer)

    catalog.attachments.attach(str(cache))

    assert catalog.find("hf.co/alice/Tiny-GGUF:Q8_0").path == link


def test_lm_studio_s_folders_name_publisher_and_model(catalog: Catalog, tmp_path: Path, tiny_gguf: Path) -> None:
    folder = tmp_path / ".lmstudio" / "models" / "alice" / "Tiny-GGUF"
    folder.mkdir(parents=True)
    shutil.copy(tiny_gguf, folder / "Tiny-Q8_0.gguf")

    catalog.attachments.attach(str(tmp_path / ".lmstudio" / "models"))

    assert names(catalog) == ["alice/Tiny-GGUF:Q8_0"]


def test_a_split_model_in_a_cache_is_one_model(catalog: Catalog, tmp_path: Path, scripted_gguf: Path) -> None:
    parts = split_gguf(scripted_gguf, tmp_path / "parts")
    for part in parts:
        link = cache_file(tmp_path / "hub", part.name, part)

    catalog.attachments.attach(str(tmp_path / "hub"))

    (model,) = catalog.snapshot(fresh=True).models
    assert model.name.short == "hf.co/alice/Tiny-GGUF:F32"
    assert model.path.parent == link.parent
    assert model.size_bytes == sum(part.stat().st_size for part in parts)


def test_nothing_is_copied_and_nothing_is_changed(catalog: Catalog, tmp_path: Path, tiny_gguf: Path) -> None:
    store = make_store(tmp_path / "ollama")
    put_model(store, "tiny", model=tiny_gguf.read_bytes(), system=b"Be kind.")
    cache_file(tmp_path / "hub", "Tiny-Q8_0.gguf", tiny_gguf)
    before = contents(tmp_path / "ollama") | contents(tmp_path / "hub")

    for place in ("ollama", "hub"):
        catalog.attachments.attach(str(tmp_path / place))
    for model in catalog.snapshot(fresh=True).models:
        with pytest.raises(ReadOnlyModel):
            catalog.delete(model.name.short)

    assert contents(tmp_path / "ollama") | contents(tmp_path / "hub") == before
    assert len(names(catalog)) == 2
    assert sum(path.stat().st_size for path in (tmp_path / "models").rglob("*") if path.is_file()) < 10_000


def test_what_the_owner_changes_is_noticed(
    catalog: Catalog, tmp_path: Path, tiny_gguf: Path, embedding_gguf: Path
) -> None:
    store = make_store(tmp_path / "ollama")
    put_model(store, "tiny", model=tiny_gguf.read_bytes())
    catalog.attachments.attach(str(tmp_path / "ollama"))
    before = catalog.find("tiny")

    put_model(store, "tiny", model=embedding_gguf.read_bytes())
    put_model(store, "second", model=tiny_gguf.read_bytes())
    after = catalog.find("tiny")
    store.manifest_file(catalog.find("second").name).unlink()

    assert before.digest != after.digest
    assert after.is_embedding
    with pytest.raises(ModelNotFound):
        catalog.find("second")


def test_a_link_out_of_an_attached_folder_is_not_followed(catalog: Catalog, tmp_path: Path, tiny_gguf: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    shutil.copy(tiny_gguf, secret / "private.gguf")
    folder = tmp_path / "shared"
    folder.mkdir()
    shutil.copy(tiny_gguf, folder / "own.gguf")
    (folder / "stolen.gguf").symlink_to(secret / "private.gguf")
    (folder / "inside.gguf").symlink_to("own.gguf")
    (folder / "whole").symlink_to(secret)

    catalog.attachments.attach(str(folder))

    assert names(catalog) == ["inside:latest"]
    assert problems(catalog) == {"stolen.gguf": "it is a link that leads out of the attached folder"}


def test_a_part_that_leads_out_is_not_followed_either(
    catalog: Catalog, tmp_path: Path, scripted_gguf: Path, tiny_gguf: Path
) -> None:
    parts = split_gguf(scripted_gguf, tmp_path / "shared")
    shutil.move(parts[1], tmp_path / "elsewhere.gguf")
    parts[1].symlink_to(tmp_path / "elsewhere.gguf")
    shutil.copy(tiny_gguf, tmp_path / "shared" / "good.gguf")

    catalog.attachments.attach(str(tmp_path / "shared"))

    assert names(catalog) == ["good:latest"]


def test_a_blob_or_manifest_that_leads_out_of_a_store_is_refused(
    catalog: Catalog, tmp_path: Path, tiny_gguf: Path
) -> None:
    store = make_store(tmp_path / "ollama")
    put_model(store, "good", model=tiny_gguf.read_bytes())
    blob = put_model(store, "stolen", model=tiny_gguf.read_bytes() + b"!")
    blob.unlink()
    blob.symlink_to(shutil.copy(tiny_gguf, tmp_path / "private.gguf"))

    catalog.attachments.attach(str(tmp_path / "ollama"))

    assert names(catalog) == ["good:latest"]
    assert problems(catalog) == {"latest": "it is a link that leads out of the attached store"}


@pytest.fixture
def reachable() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


@pytest.mark.parametrize("locked", ["", "manifests", "blobs"])
def test_a_store_that_cannot_be_read_is_told_and_the_others_are_usable(
    reachable: Path, tiny_gguf: Path, locked: str
) -> None:
    store = make_store(reachable / "ollama")
    put_model(store, "locked", model=tiny_gguf.read_bytes())
    folder = reachable / "models"
    catalog = Catalog(folder, max_age_s=0)
    catalog.attachments.attach(str(store.root))
    shutil.copy(tiny_gguf, folder / "mine.gguf")
    (store.root / locked).chmod(0)

    with without_privileges():
        snapshot = catalog.snapshot(fresh=True)
    (store.root / locked).chmod(0o755)

    assert [model.name.short for model in snapshot.models] == ["mine:latest"]
    assert [broken.problem for broken in snapshot.broken] == ["Permission denied"]
    assert names(catalog) == ["locked:latest", "mine:latest"]


def test_a_folder_that_cannot_be_read_is_not_attached(reachable: Path, tiny_gguf: Path) -> None:
    locked = reachable / "locked"
    locked.mkdir()
    shutil.copy(tiny_gguf, locked / "tiny.gguf")
    locked.chmod(0)
    attachments = Catalog(reachable / "models").attachments

    with without_privileges(), pytest.raises(NotAttachable, match="may not read it"):
        attachments.attach(str(locked))
    locked.chmod(0o755)
