from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.library.blobs import CreateLine
from inference.library.catalog import Catalog
from inference.library.creation import Recipe, create
from inference.library.leftovers import UNUSED_S, remove_unused
from inference.library.manifests import Store
from inference.library.names import ModelName
from tests.inference.library.stores import make_store, put_model

TOMORROW_S = UNUSED_S + 60


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path)


def tomorrow() -> float:
    return time.time() + TOMORROW_S


def test_a_blob_that_no_model_uses_is_deleted_after_a_day(store: Store) -> None:
    weights = put_model(store, "tiny", model=b"weights")
    digest, _ = store.put_blob(b"sent and forgotten")

    assert remove_unused(store) == 0
    assert store.blob_file(digest).exists()
    assert remove_unused(store, now=tomorrow()) == 1
    assert not store.blob_file(digest).exists()
    assert weights.exists()


def test_an_old_file_that_was_just_taken_over_is_new(store: Store, tmp_path: Path) -> None:
    digest, _ = store.put_blob(b"old bytes")
    old = tmp_path / "old.gguf"
    shutil.move(store.blob_file(digest), old)
    past = time.time() - 10 * UNUSED_S
    os.utime(old, (past, past))
    os.link(old, store.blob_file(digest))

    assert remove_unused(store) == 0
    assert store.blob_file(digest).exists()


def test_a_blob_that_was_asked_for_counts_as_new(store: Store) -> None:
    digest, _ = store.put_blob(b"sent long ago")
    path = store.blob_file(digest)
    before = path.stat()

    assert store.renew_blob(digest)
    assert not store.renew_blob(f"sha256:{64 * '0'}")

    after = path.stat()
    assert after.st_ctime_ns > before.st_ctime_ns
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)


def test_nothing_is_deleted_while_a_download_is_unfinished(store: Store) -> None:
    digest, _ = store.put_blob(b"the first layer")
    unfinished = store.blobs / f"sha256-{64 * 'a'}-partial"
    unfinished.write_bytes(b"the second lay")

    assert remove_unused(store, now=tomorrow()) == 0
    unfinished.unlink()
    assert remove_unused(store, now=tomorrow()) == 1
    assert not store.blob_file(digest).exists()


def test_nothing_is_deleted_while_a_manifest_cannot_be_read(store: Store) -> None:
    store.put_blob(b"perhaps its weights")
    put_model(store, "tiny", model=b"weights")
    store.manifest_file(ModelName.parse("tiny")).write_bytes(b"{")

    assert remove_unused(store, now=tomorrow()) == 0


def test_other_files_are_left_alone(store: Store) -> None:
    for name in ("sha256-notes.txt", "unfinished-abc", "README"):
        (store.blobs / name).write_bytes(b"x")

    assert remove_unused(store, now=tomorrow()) == 0
    assert len(list(store.blobs.iterdir())) == 3


def test_a_store_that_is_not_there_yet_is_clean(tmp_path: Path) -> None:
    assert remove_unused(Store(tmp_path / "nowhere"), now=tomorrow()) == 0


def test_blobs_of_a_model_that_is_being_made_are_kept_at_every_step(tmp_path: Path, tiny_gguf: Path) -> None:
    catalog = Catalog(tmp_path / "models", max_age_s=0)
    digest, _ = catalog.store.put_blob(tiny_gguf.read_bytes())
    recipe = Recipe(name=ModelName.parse("new"), files={"tiny.gguf": digest}, system="Be kind.")

    for _line in cleaned_meanwhile(catalog.store, create(catalog, recipe)):
        assert catalog.store.blob_file(digest).exists()

    assert catalog.find("new").baked.system == "Be kind."
    assert remove_unused(catalog.store, now=tomorrow()) == 0


def cleaned_meanwhile(store: Store, lines: Iterator[CreateLine]) -> Iterator[CreateLine]:
    for line in lines:
        remove_unused(store, now=tomorrow())
        yield line
