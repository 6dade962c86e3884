from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.errors import ModelNotFound
from inference.library import catalog as catalog_module
from inference.library.catalog import Catalog
from inference.library.errors import InvalidName, ReadOnlyModel
from inference.library.names import ModelName
from tests.doubles.gguf_lora import build_lora
from tests.inference.library.stores import digest_of, make_store, put_model

Names = Callable[[], list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def catalog(folder: Path) -> Catalog:
    return Catalog(folder, max_age_s=0)


def names(catalog: Catalog) -> list[str]:
    return [model.name.short for model in catalog.snapshot(fresh=True).models]


def test_a_file_put_anywhere_in_the_folder_appears(catalog: Catalog, folder: Path, tiny_gguf: Path) -> None:
    (folder / "qwen").mkdir()
    shutil.copy(tiny_gguf, folder / "qwen" / "Qwen2-Tiny-Q8_0.gguf")

    model = catalog.find("qwen2-tiny:q8_0")

    assert model.path == folder / "qwen" / "Qwen2-Tiny-Q8_0.gguf"
    assert model.capabilities == {"completion"}
    assert model.size_bytes == tiny_gguf.stat().st_size
    assert len(model.digest) == 64


def test_an_embedding_model_is_told_from_one_that_chats(catalog: Catalog, folder: Path, embedding_gguf: Path) -> None:
    shutil.copy(embedding_gguf, folder / "embedder.gguf")

    assert catalog.find("embedder").capabilities == {"embedding"}


def test_a_broken_file_is_told_but_not_offered(catalog: Catalog, folder: Path, tiny_gguf: Path) -> None:
    whole = tiny_gguf.read_bytes()
    (folder / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    (folder / "text.gguf").write_text("I am no model")

    snapshot = catalog.snapshot()

    assert snapshot.models == ()
    assert {broken.path.name for broken in snapshot.broken} == {"cut.gguf", "text.gguf"}


def test_a_file_that_is_still_being_copied_appears_when_it_is_whole(
    catalog: Catalog, folder: Path, tiny_gguf: Path
) -> None:
    whole = tiny_gguf.read_bytes()
    (folder / "slow.gguf").write_bytes(whole[:1000])
    assert names(catalog) == []

    (folder / "slow.gguf").write_bytes(whole)

    assert names(catalog) == ["slow:latest"]


def test_a_file_is_read_again_only_when_it_changed(
    catalog: Catalog, folder: Path, tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(tiny_gguf, folder / "tiny.gguf")
    catalog.snapshot(fresh=True)
    read: list[Path] = []
    real = catalog_module.read_header
    monkeypatch.setattr(catalog_module, "read_header", lambda path: read.append(path) or real(path))

    catalog.snapshot(fresh=True)
    assert read == []
    os.utime(folder / "tiny.gguf", (1, 1))
    catalog.snapshot(fresh=True)

    assert read == [folder / "tiny.gguf"]


def test_two_files_of_one_name_get_names_of_their_own(
    catalog: Catalog, folder: Path, tiny_gguf: Path, scripted_gguf: Path
) -> None:
    for publisher, source in (("alice", tiny_gguf), ("bob", scripted_gguf)):
        (folder / publisher).mkdir()
        shutil.copy(source, folder / publisher / "same-Q4_0.gguf")

    assert names(catalog) == ["same:q4_0", "bob-same:q4_0"]


def test_one_file_under_two_paths_is_listed_once(catalog: Catalog, folder: Path, tiny_gguf: Path) -> None:
    shutil.copy(tiny_gguf, folder / "a.gguf")
    (folder / "b.gguf").hardlink_to(folder / "a.gguf")

    assert names(catalog) == ["a:latest"]


def test_only_the_first_part_of_a_split_model_is_listed_and_only_when_all_are_there(
    catalog: Catalog, folder: Path, tiny_gguf: Path
) -> None:
    shutil.copy(tiny_gguf, folder / "big-00001-of-00002.gguf")
    assert names(catalog) == []
    assert catalog.snapshot().broken[0].problem == "big-00002-of-00002.gguf is missing"

    (folder / "big-00002-of-00002.gguf").write_bytes(b"more weights")

    assert names(catalog) == ["big:latest"]
    assert catalog.find("big").size_bytes == tiny_gguf.stat().st_size + len(b"more weights")


def test_a_model_of_an_ollama_store_brings_its_own_settings(folder: Path, tmp_path: Path, tiny_gguf: Path) -> None:
    store = make_store(tmp_path / "ollama")
    put_model(
        store,
        "mario",
        model=tiny_gguf.read_bytes(),
        system=b"You are Mario.",
        params=b'{"stop": ["###"], "temperature": 0.5}',
        messages=b'[{"role": "user", "content": "Hi"}, {"role": "nobody", "content": "x"}]',
        template=b"{{ .Prompt }}",
    )

    model = Catalog(folder, ollama_store=tmp_path / "ollama").find("mario")

    assert model.source == "ollama"
    assert model.baked.system == "You are Mario."
    assert model.baked.options == {"stop": ["###"], "temperature": 0.5}
    assert [message.content for message in model.baked.messages] == ["Hi"]


def test_a_stored_model_brings_its_adapters(folder: Path, tmp_path: Path, tiny_gguf: Path) -> None:
    store = make_store(tmp_path / "ollama")
    lora = build_lora(tmp_path / "lora.gguf").read_bytes()
    put_model(store, "tuned", model=tiny_gguf.read_bytes(), adapter=lora)
    put_model(store, "lost", model=tiny_gguf.read_bytes(), adapter=b"gone")
    store.blob_file(digest_of(b"gone")).unlink()

    snapshot = Catalog(folder, ollama_store=tmp_path / "ollama").snapshot()

    assert [(model.name.short, model.adapters) for model in snapshot.models] == [
        ("tuned:latest", (store.blob_file(digest_of(lora)),))
    ]
    assert [broken.path for broken in snapshot.broken] == [store.manifest_file(ModelName.parse("lost"))]


def test_a_stored_model_without_usable_weights_is_told_but_not_offered(folder: Path, tmp_path: Path) -> None:
    store = make_store(tmp_path / "ollama")
    put_model(store, "cloud", system=b"far away")
    put_model(store, "lost", model=b"gone").unlink()

    snapshot = Catalog(folder, ollama_store=tmp_path / "ollama").snapshot()

    assert snapshot.models == ()
    assert len(snapshot.broken) == 2


def test_a_name_is_found_with_the_default_tag_and_in_any_case(catalog: Catalog, folder: Path, tiny_gguf: Path) -> None:
    shutil.copy(tiny_gguf, folder / "tiny.gguf")

    assert catalog.find("TINY") == catalog.find("tiny:latest")


@pytest.mark.parametrize("name", ["nobody", "tiny:7b"])
def test_an_unknown_name_is_not_found(catalog: Catalog, folder: Path, tiny_gguf: Path, name: str) -> None:
    shutil.copy(tiny_gguf, folder / "tiny.gguf")

    with pytest.raises(ModelNotFound):
        catalog.find(name)


def test_what_a_scan_has_found_is_at_hand_for_as_long_as_it_counts(folder: Path, tiny_gguf: Path) -> None:
    shutil.copy(tiny_gguf, folder / "tiny.gguf")
    lasting, outdated = Catalog(folder, max_age_s=3600), Catalog(folder, max_age_s=0)

    assert lasting.at_hand("tiny") is None
    found = lasting.find("tiny")
    outdated.find("tiny")

    assert lasting.at_hand("Tiny:latest") is found
    assert lasting.at_hand("other") is None
    assert outdated.at_hand("tiny") is None


def test_a_name_that_is_none_is_refused(catalog: Catalog) -> None:
    with pytest.raises(InvalidName):
        catalog.find("../../etc/passwd")


def test_a_model_of_ours_is_deleted_from_the_disk(catalog: Catalog, folder: Path, tiny_gguf: Path) -> None:
    shutil.copy(tiny_gguf, folder / "tiny.gguf")

    catalog.delete("tiny")

    assert not (folder / "tiny.gguf").exists()
    assert names(catalog) == []


def test_an_attached_model_is_never_deleted(catalog: Catalog, tmp_path: Path, tiny_gguf: Path) -> None:
    elsewhere = tmp_path / "elsewhere.gguf"
    shutil.copy(tiny_gguf, elsewhere)
    catalog.attachments.attach(str(elsewhere))

    with pytest.raises(ReadOnlyModel):
        catalog.delete("elsewhere")

    assert elsewhere.exists()


def test_a_folder_that_does_not_exist_yet_is_an_empty_catalog(tmp_path: Path) -> None:
    assert names(Catalog(tmp_path / "nowhere")) == []


def test_the_template_that_its_creator_wrote_takes_the_place_of_the_file_s_own(
    folder: Path, tmp_path: Path, tiny_gguf: Path
) -> None:
    store = make_store(tmp_path / "ollama")
    data = tiny_gguf.read_bytes()
    template = b"{{ if .Tools }}<think>{{ end }}{{ .Prompt }}"
    put_model(store, "pulled", model=data, template=template)
    put_model(store, "created", model=data, template=template, config=b'{"hearth_own_template": true}')
    put_model(store, "odd", model=data, template=template, config=b"[1")

    catalog = Catalog(folder, ollama_store=store.root)

    assert catalog.find("pulled").chat_template == catalog.find("odd").chat_template == ""
    assert catalog.find("created").chat_template == template.decode()
    assert catalog.find("created").capabilities == {"completion", "tools", "thinking"}
    assert catalog.find("pulled").capabilities == {"completion"}
