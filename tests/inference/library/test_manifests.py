from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest

from inference.library.errors import BadManifest, BlobNotFound
from inference.library.manifests import Manifest, Store, parse_digest
from inference.library.names import ModelName
from tests.inference.library.stores import digest_of, layer, make_store, manifest_bytes, put_model

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize("separator", [":", "-"])
def test_both_spellings_of_a_digest_are_read(separator: str) -> None:
    assert parse_digest(f"sha256{separator}{HEX}") == f"sha256:{HEX}"


@pytest.mark.parametrize(
    "text",
    [
        "", None, 7, HEX, f"md5:{HEX}", f"sha256:{HEX[:-1]}", f"sha256:{HEX}0", f"sha256:{HEX.upper()}",
        f"sha256:{HEX}\n", "sha256:../../../../../../../../../../../../../../../../../../etc/passwd",
        f"sha256:{HEX[:-3]}/..", f"../sha256:{HEX}",
    ],
)  # fmt: skip
def test_anything_else_is_no_digest(text: object) -> None:
    with pytest.raises(BadManifest):
        parse_digest(text)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b"null", b'{"layers": null}', b'{"layers": [7]}', b'{"layers": [{}]}',
        b'{"layers": [{"digest": "sha256:../../x", "size": 1}]}',
        orjson.dumps({"layers": [{"digest": f"sha256:{HEX}", "size": -1}]}),
        orjson.dumps({"layers": [{"digest": f"sha256:{HEX}", "size": "1"}]}),
        orjson.dumps({"layers": [], "config": {"digest": "sha256:../x"}}),
    ],
)  # fmt: skip
def test_an_odd_manifest_is_refused(body: bytes) -> None:
    with pytest.raises(BadManifest):
        Manifest.parse(body)


def test_a_store_lists_and_reads_its_names(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    put_model(store, "tiny:1b", model=b"weights", system=b"Be kind.")
    put_model(store, "hf.co/alice/tiny", model=b"weights")
    (store.manifests / "registry.ollama.ai" / "library" / "tiny" / ".DS_Store").write_bytes(b"")

    assert {name.short for name in store.names()} == {"tiny:1b", "hf.co/alice/tiny:latest"}
    manifest = store.read_manifest(ModelName.parse("tiny:1b"))
    assert manifest.size_bytes == len(b"weights") + len(b"Be kind.")
    system = manifest.first("system")
    assert system is not None
    assert store.read_text_layer(system) == "Be kind."


def test_deleting_a_name_keeps_the_blobs_that_others_use(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    shared = put_model(store, "one", model=b"weights", system=b"only here")
    put_model(store, "two", model=b"weights")

    store.delete(ModelName.parse("one"))

    assert {name.short for name in store.names()} == {"two:latest"}
    assert shared.exists()
    assert len(list(store.blobs.iterdir())) == 1


def test_deleting_the_last_name_leaves_no_file(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    put_model(store, "hf.co/alice/one", model=b"weights")

    store.delete(ModelName.parse("hf.co/alice/one"))

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_nothing_is_pruned_while_a_manifest_cannot_be_read(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    blob = put_model(store, "one", model=b"weights")
    put_model(store, "two", model=b"other")
    store.manifest_file(ModelName.parse("two")).write_bytes(b"broken")

    store.delete(ModelName.parse("one"))

    assert blob.exists()


def test_deleting_an_unknown_name_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_store(tmp_path).delete(ModelName.parse("nobody"))


def test_a_manifest_is_replaced_in_one_step(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    name = ModelName.parse("tiny")

    store.write_manifest(name, manifest_bytes(layer("model", b"old")))
    store.write_manifest(name, manifest_bytes(layer("model", b"newer")))

    assert store.read_manifest(name).size_bytes == len(b"newer")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_publishing_deletes_what_only_the_manifest_before_used(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    kept = put_model(store, "one", model=b"weights", system=b"old")
    store.put_blob(b"new")

    store.publish(ModelName.parse("one"), manifest_bytes(layer("model", b"weights"), layer("system", b"new")))

    assert kept.exists()
    assert not store.blob_file(digest_of(b"old")).exists()
    assert store.blob_file(digest_of(b"new")).exists()


def test_a_manifest_of_a_blob_that_is_gone_is_not_published(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    put_model(store, "one", model=b"weights")
    before = store.manifest_file(ModelName.parse("one")).read_bytes()

    with pytest.raises(BlobNotFound):
        store.publish(ModelName.parse("one"), manifest_bytes(layer("model", b"never sent")))

    assert store.manifest_file(ModelName.parse("one")).read_bytes() == before
    assert store.blob_file(digest_of(b"weights")).exists()


def test_a_small_blob_is_written_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")

    assert store.put_blob(b"text") == (digest_of(b"text"), True)
    assert store.put_blob(b"text") == (digest_of(b"text"), False)
    assert store.blob_file(digest_of(b"text")).read_bytes() == b"text"


def test_making_and_deleting_at_the_same_time_never_leaves_a_model_without_its_blobs(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    weights, text = layer("model", b"weights"), layer("system", b"shared by all")
    manifest = manifest_bytes(weights, text)

    def change(name: ModelName) -> None:
        mine = Store(tmp_path)  # Nothing in memory is shared, as between two processes.
        for _ in range(15):
            with mine.changing():
                mine.put_blob(b"weights")
                mine.put_blob(b"shared by all")
                mine.publish(name, manifest)
            assert mine.blob_file(weights["digest"]).exists()
            mine.delete(name)

    with ThreadPoolExecutor() as pool:
        list(pool.map(change, [ModelName.parse(f"hf.co/somebody/model:{number}") for number in range(4)]))

    assert list(store.names()) == []
    assert list(store.blobs.iterdir()) == []


def test_a_store_is_known_by_its_blobs(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    blob = put_model(store, "one", model=b"weights")

    found = Store.owning(blob)

    assert found is not None
    assert found.root == store.root
    assert Store.owning(tmp_path / "blobs" / "model.gguf") is None
