from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import orjson
import pytest

from inference.errors import InvalidRequest
from inference.library import blobs
from inference.library.catalog import Catalog
from inference.library.creation import GGUF_ROUTE, Recipe, copy, create
from inference.library.errors import BlobNotFound, NameTaken, ReadOnlyModel
from inference.library.manifests import MAX_TEXT_LAYER_BYTES, Store
from inference.library.modelfile import printed
from inference.library.models import modelfile_of
from inference.library.names import ModelName, all_parts
from inference.types import ChatMessage
from tests.doubles.gguf_lora import build_lora
from tests.doubles.gguf_vision import build_projector
from tests.inference.library.stores import digest_of, make_store, put_model

NEW = ModelName.parse("new")
SAID = (ChatMessage(role="user", content="Who are you?"), ChatMessage(role="assistant", content="It's me, Mario!"))


@pytest.fixture
def theirs(tmp_path: Path) -> Store:
    """The store of an Ollama."""
    return make_store(tmp_path / "ollama")


@pytest.fixture
def catalog(tmp_path: Path, theirs: Store, tiny_gguf: Path) -> Catalog:
    """Offers `tiny`, a file that lies by itself."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(tiny_gguf, folder / "tiny.gguf")
    return Catalog(folder, ollama_store=theirs.root, max_age_s=0)


def put_file(store: Store, path: Path) -> str:
    return store.put_blob(path.read_bytes())[0]


def make(catalog: Catalog, recipe: Recipe) -> list[str]:
    return [line["status"] for line in create(catalog, recipe)]


def config_of(catalog: Catalog, name: ModelName) -> dict[str, Any]:
    config = catalog.store.read_manifest(name).config
    assert config is not None
    value: dict[str, Any] = orjson.loads(catalog.store.read_text_layer(config))
    return value


def kinds(catalog: Catalog, name: ModelName = NEW) -> list[str]:
    return [layer.kind for layer in catalog.store.read_manifest(name).layers]


def test_a_model_is_made_of_another_and_of_texts(catalog: Catalog) -> None:
    recipe = Recipe(
        name=NEW,
        base=catalog.find("tiny"),
        system="You are Mario.",
        template="{{ .Prompt }}",
        licenses=["MIT"],
        parameters={"temperature": 1.0, "stop": ["end"]},
        messages=SAID,
    )

    lines = make(catalog, recipe)

    baked = catalog.find("new").baked
    assert (baked.system, baked.template, baked.license) == ("You are Mario.", "{{ .Prompt }}", "MIT")
    assert baked.options == {"temperature": 1.0, "stop": ["end"]}
    assert tuple(baked.messages) == SAID
    assert lines[-2:] == ["writing manifest", "success"]
    assert f"creating new layer {digest_of(b'MIT')}" in lines


def test_the_weights_of_a_file_are_shared_not_copied(catalog: Catalog) -> None:
    base = catalog.find("tiny")

    lines = make(catalog, Recipe(name=NEW, base=base))

    assert os.path.samefile(catalog.find("new").path, base.path)
    assert any(line.endswith("no disk space used") for line in lines)
    assert {model.name.short for model in catalog.snapshot(fresh=True).models} == {"tiny:latest", "new:latest"}


def test_a_model_outlives_the_file_it_was_made_of(catalog: Catalog) -> None:
    make(catalog, Recipe(name=NEW, base=catalog.find("tiny")))

    catalog.delete("tiny")

    assert catalog.find("new").path.exists()


def test_an_attached_file_is_still_offered_after_a_model_was_made_of_it(
    catalog: Catalog, tmp_path: Path, scripted_gguf: Path
) -> None:
    shutil.copy(scripted_gguf, tmp_path / "elsewhere.gguf")
    catalog.attachments.attach(str(tmp_path / "elsewhere.gguf"))

    make(catalog, Recipe(name=NEW, base=catalog.find("elsewhere")))

    assert catalog.find("elsewhere").path == tmp_path / "elsewhere.gguf"


def test_a_model_is_made_of_one_that_an_ollama_owns(catalog: Catalog, theirs: Store, tiny_gguf: Path) -> None:
    blob = put_model(theirs, "theirs", model=tiny_gguf.read_bytes(), system=b"Be kind.", license=b"Apache")
    before = sorted((path, path.stat().st_mtime_ns) for path in theirs.root.rglob("*"))

    make(catalog, Recipe(name=NEW, base=catalog.find("theirs"), licenses=["MIT"]))

    model = catalog.find("new")
    assert (model.source, model.baked.system, model.baked.license) == ("pulled", "Be kind.", "Apache\nMIT")
    assert os.path.samefile(model.path, blob)
    assert sorted((path, path.stat().st_mtime_ns) for path in theirs.root.rglob("*")) == before


def test_a_model_of_our_own_shares_everything(catalog: Catalog) -> None:
    make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), system="Be brief."))
    n_blobs = len(list(catalog.store.blobs.iterdir()))

    lines = make(catalog, Recipe(name=ModelName.parse("newer"), base=catalog.find("new"), parameters={"seed": 1}))

    assert len(list(catalog.store.blobs.iterdir())) == n_blobs + 2  # its options and its config
    assert f"using existing layer {digest_of(b'Be brief.')}" in lines
    assert catalog.find("newer").baked.system == "Be brief."


def test_what_is_given_takes_the_place_of_what_the_base_says(catalog: Catalog) -> None:
    make(
        catalog,
        Recipe(
            name=NEW,
            base=catalog.find("tiny"),
            system="old",
            licenses=["MIT"],
            parameters={"seed": 1, "top_k": 5},
            messages=SAID,
        ),
    )

    recipe = Recipe(
        name=ModelName.parse("newer"),
        base=catalog.find("new"),
        system="newer",
        licenses=["MIT", "Apache"],
        parameters={"seed": 2},
    )
    make(catalog, recipe)

    baked = catalog.find("newer").baked
    assert (baked.system, baked.license, baked.options) == ("newer", "MIT\nApache", {"seed": 2, "top_k": 5})
    assert tuple(baked.messages) == SAID


def test_making_a_model_again_replaces_it_and_deletes_what_nobody_uses_any_more(catalog: Catalog) -> None:
    for system in ("first", "second"):
        make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), system=system))

    assert catalog.find("new").baked.system == "second"
    assert not catalog.store.blob_file(digest_of(b"first")).exists()
    assert len(list(catalog.store.blobs.iterdir())) == 3


def test_a_model_that_is_its_own_base_keeps_its_weights(catalog: Catalog) -> None:
    make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), system="first"))

    make(catalog, Recipe(name=NEW, base=catalog.find("new"), system="second"))

    assert catalog.find("new").baked.system == "second"


def test_what_a_recipe_removes_is_not_taken_over(catalog: Catalog) -> None:
    parameters = {"seed": 1, "stop": ["end"], "top_k": 5}
    texts = {"system": "old", "template": "{{ .Prompt }}", "licenses": ["MIT"], "messages": SAID}
    make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), parameters=parameters, **texts))
    removed = frozenset({"system", "template", "stop", "seed", "nothing", "license"})

    make(catalog, Recipe(name=NEW, base=catalog.find("new"), parameters={"seed": 2}, removed=removed))

    baked = catalog.find("new").baked
    assert (baked.system, baked.template, baked.has_own_template, baked.license) == ("", "", False, "MIT")
    assert (baked.options, tuple(baked.messages)) == ({"seed": 2, "top_k": 5}, SAID)


def test_the_last_parameter_can_be_removed(catalog: Catalog) -> None:
    make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), parameters={"seed": 1}))
    make(catalog, Recipe(name=NEW, base=catalog.find("new"), removed=frozenset({"seed"})))

    assert kinds(catalog) == ["model"]


def test_a_model_made_anew_stays_the_child_of_what_it_was_made_of(catalog: Catalog) -> None:
    make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), system="first"))
    make(catalog, Recipe(name=NEW, base=catalog.find("new"), system="second"))
    make(catalog, Recipe(name=ModelName.parse("newer"), base=catalog.find("new")))

    assert (catalog.find("new").baked.parent, catalog.find("newer").baked.parent) == ("tiny:latest", "new:latest")


def test_a_name_in_another_case_means_the_same_model(catalog: Catalog) -> None:
    make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), system="first"))
    make(catalog, Recipe(name=ModelName.parse("NEW"), base=catalog.find("tiny"), system="second"))

    assert [name.short for name in catalog.store.names()] == ["new:latest"]
    assert catalog.find("New").baked.system == "second"


def test_a_model_is_made_of_a_file_that_was_sent(catalog: Catalog, scripted_gguf: Path) -> None:
    digest = put_file(catalog.store, scripted_gguf)

    lines = make(catalog, Recipe(name=NEW, files={"scripted.gguf": digest}))

    assert lines == ["parsing GGUF", f"using existing layer {digest}", "writing manifest", "success"]
    assert catalog.find("new").path == catalog.store.blob_file(digest)


def test_the_config_lets_an_ollama_run_the_model(catalog: Catalog, scripted_gguf: Path) -> None:
    digest = put_file(catalog.store, scripted_gguf)

    make(catalog, Recipe(name=NEW, files={"scripted.gguf": digest}, notes={"renderer": "qwen3", "requires": "0.14.0"}))

    config = config_of(catalog, NEW)
    assert (config["model_format"], config["model_family"], config["file_type"]) == ("gguf", "qwen2", "F32")
    assert config["rootfs"] == {"type": "layers", "diff_ids": [digest]}
    assert (config["renderer"], config["requires"]) == ("qwen3", "0.14.0")


def test_an_adapter_is_put_on_top(catalog: Catalog, tmp_path: Path) -> None:
    adapter = put_file(catalog.store, build_lora(tmp_path / "lora.gguf"))

    make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), adapters={"lora.gguf": adapter}))

    assert catalog.find("new").adapters == (catalog.store.blob_file(adapter),)


def test_a_projector_goes_with_the_weights(catalog: Catalog, tiny_gguf: Path, tmp_path: Path) -> None:
    weights = put_file(catalog.store, tiny_gguf)
    eyes = put_file(catalog.store, build_projector(tmp_path / "eyes.gguf"))

    make(catalog, Recipe(name=NEW, files={"eyes.gguf": eyes, "tiny.gguf": weights}))
    make(catalog, Recipe(name=ModelName.parse("seeing"), base=catalog.find("tiny"), files={"eyes.gguf": eyes}))

    for name in ("new", "seeing"):
        model = catalog.find(name)
        assert model.projector == catalog.store.blob_file(eyes)
        assert "vision" in model.capabilities
        assert f"FROM {model.projector}\n" in printed(modelfile_of(model))
    assert config_of(catalog, NEW)["model_families"] == ["qwen2", "clip"]


def test_a_projector_that_lies_beside_its_model_goes_with_it(catalog: Catalog, tmp_path: Path) -> None:
    folder = catalog.models_folder / "pair"
    folder.mkdir()
    shutil.copy(catalog.find("tiny").path, folder / "seer.gguf")
    build_projector(folder / "mmproj-seer.gguf")

    make(catalog, Recipe(name=NEW, base=catalog.find("seer")))

    assert kinds(catalog) == ["model", "projector"]
    assert "vision" in catalog.find("new").capabilities


def test_an_adapter_of_another_model_is_refused_by_its_own_name(catalog: Catalog, tmp_path: Path) -> None:
    adapter = put_file(catalog.store, build_lora(tmp_path / "lora.gguf", architecture="llama"))

    with pytest.raises(InvalidRequest, match=r"the adapter mine\.gguf was made for llama models"):
        make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), adapters={"mine.gguf": adapter}))

    assert list(catalog.store.names()) == []


@pytest.mark.parametrize("name", ["model.safetensors", "model", "x.bin"])
def test_safetensors_are_refused_with_the_way_that_works(catalog: Catalog, name: str) -> None:
    digest, _ = catalog.store.put_blob((40).to_bytes(8, "little") + b'{"w":{"dtype":"F32"}}')

    with pytest.raises(InvalidRequest, match=r"convert_hf_to_gguf\.py") as caught:
        make(catalog, Recipe(name=NEW, files={name: digest}))

    assert caught.value.detail == GGUF_ROUTE


def test_parts_that_make_no_model_are_refused(catalog: Catalog, tiny_gguf: Path, scripted_gguf: Path) -> None:
    text, _ = catalog.store.put_blob(b"I am no model")
    cut, _ = catalog.store.put_blob(tiny_gguf.read_bytes()[:5000])
    one, two = put_file(catalog.store, tiny_gguf), put_file(catalog.store, scripted_gguf)
    tiny = catalog.find("tiny")
    wrong = {
        "not in GGUF format: a.gguf": Recipe(name=NEW, files={"a.gguf": text}),
        "cut.gguf cannot be used": Recipe(name=NEW, files={"cut.gguf": cut}),
        "one model only": Recipe(name=NEW, files={"a": one, "b": two}),
        "begins with one model": Recipe(name=NEW, base=tiny, files={"a": one}),
        "a is a model, which": Recipe(name=NEW, base=tiny, adapters={"a": one}),
        "none of the files": Recipe(name=NEW),
        "at most 16 files": Recipe(name=NEW, base=tiny, files={str(n): one for n in range(17)}),
        "longer than": Recipe(name=NEW, base=tiny, system="x" * (MAX_TEXT_LAYER_BYTES + 1)),
        "at most 16 licences": Recipe(name=NEW, base=tiny, licenses=[str(n) for n in range(17)]),
        "built in": Recipe(name=NEW, base=replace(tiny, kind="onnx")),
    }

    for words, recipe in wrong.items():
        with pytest.raises(InvalidRequest, match=words):
            make(catalog, recipe)

    with pytest.raises(BlobNotFound):
        make(catalog, Recipe(name=NEW, files={"a": digest_of(b"never sent")}))
    assert list(catalog.store.names()) == []


def split(path: Path, folder: Path) -> list[Path]:
    """Cut a model into two files, as llama.cpp's llama-gguf-split does; return them in order."""
    reader = gguf.GGUFReader(path)
    parts = []
    for number, tensors in enumerate((reader.tensors[:3], reader.tensors[3:])):
        parts.append(folder / f"big-0000{number + 1}-of-00002.gguf")
        writer = gguf.GGUFWriter(parts[-1], "qwen2")
        if number == 0:
            writer.add_context_length(4096)
            writer.add_embedding_length(64)
            writer.add_block_count(2)
            writer.add_head_count(4)
        else:
            writer.add_context_length(1)
            writer.add_embedding_length(1)
            writer.add_block_count(1)
            writer.add_head_count(1)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", 2)
        for tensor in tensors:
            writer.add_tensor(tensor.name, np.array(tensor.data))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return parts


def test_a_model_in_several_files_stays_in_several_files(catalog: Catalog, tiny_gguf: Path) -> None:
    parts = split(tiny_gguf, catalog.models_folder)

    make(catalog, Recipe(name=NEW, base=catalog.find("big"), system="Be brief."))
    make(catalog, Recipe(name=ModelName.parse("newer"), base=catalog.find("new"), parameters={"seed": 1}))

    newer = catalog.find("newer")
    assert [os.path.samefile(*pair) for pair in zip(all_parts(newer.path), parts, strict=True)] == [True, True]
    assert (newer.baked.system, newer.baked.options) == ("Be brief.", {"seed": 1})
    catalog.delete("new")
    catalog.delete("newer")
    assert list(catalog.store.blobs.iterdir()) == []


def test_the_parts_of_a_model_may_be_sent_in_any_order(catalog: Catalog, tiny_gguf: Path, tmp_path: Path) -> None:
    parts = split(tiny_gguf, tmp_path)
    digests = {path.name: put_file(catalog.store, path) for path in reversed(parts)}

    make(catalog, Recipe(name=NEW, files=digests))

    assert kinds(catalog) == ["model", "model"]
    assert all_parts(catalog.find("new").path)[0].resolve() == catalog.store.blob_file(digests[parts[0].name])
    with pytest.raises(InvalidRequest, match="the weights in 2 files, but 1 came"):
        make(catalog, Recipe(name=NEW, files={parts[0].name: digests[parts[0].name]}))


def test_a_template_that_was_given_is_the_model_s_own(catalog: Catalog) -> None:
    for template, has_own in (("{{ .Prompt }}", True), ("", False)):
        make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), template=template))
        assert catalog.find("new").baked.has_own_template is has_own


def test_what_a_model_shows_of_its_template_does_not_make_it_its_own(
    catalog: Catalog, theirs: Store, tiny_gguf: Path
) -> None:
    put_model(theirs, "theirs", model=tiny_gguf.read_bytes(), template=b"{{ .Prompt }}")

    make(catalog, Recipe(name=NEW, base=catalog.find("theirs"), template="{{ .Prompt }}"))

    assert not catalog.find("new").baked.has_own_template


def test_the_name_of_a_file_among_the_models_cannot_be_taken(catalog: Catalog) -> None:
    tiny = catalog.find("tiny")

    with pytest.raises(NameTaken):
        make(catalog, Recipe(name=tiny.name, base=tiny))
    with pytest.raises(NameTaken):
        list(copy(catalog, tiny, tiny.name))


def test_a_model_whose_blob_goes_while_it_is_made_is_not_published(catalog: Catalog, scripted_gguf: Path) -> None:
    digest = put_file(catalog.store, scripted_gguf)
    steps = create(catalog, Recipe(name=NEW, files={"scripted.gguf": digest}))
    while next(steps)["status"] != "writing manifest":
        pass
    catalog.store.blob_file(digest).unlink()

    with pytest.raises(BlobNotFound):
        list(steps)

    assert list(catalog.store.names()) == []


def test_a_text_that_goes_while_a_model_is_made_of_it_is_written_again(catalog: Catalog) -> None:
    make(catalog, Recipe(name=ModelName.parse("other"), base=catalog.find("tiny"), system="shared"))
    steps = create(catalog, Recipe(name=NEW, base=catalog.find("tiny"), system="shared"))
    while next(steps)["status"] != "writing manifest":
        pass
    catalog.store.blob_file(digest_of(b"shared")).unlink()

    list(steps)

    assert catalog.find("new").baked.system == "shared"


def test_a_copy_shares_every_blob(catalog: Catalog) -> None:
    make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), system="Be kind."))
    before = used_bytes(catalog.store.root)

    list(copy(catalog, catalog.find("new"), ModelName.parse("copy")))

    assert used_bytes(catalog.store.root) - before < 10_000
    assert catalog.find("copy").digest == catalog.find("new").digest
    catalog.delete("new")
    assert catalog.find("copy").baked.system == "Be kind."
    catalog.delete("copy")
    assert list(catalog.store.blobs.iterdir()) == []


@pytest.mark.parametrize("source", ["tiny", "theirs"])
def test_what_lies_elsewhere_is_copied_without_its_bytes(
    catalog: Catalog, theirs: Store, tiny_gguf: Path, source: str
) -> None:
    put_model(theirs, "theirs", model=tiny_gguf.read_bytes(), system=b"Be kind.")

    list(copy(catalog, catalog.find(source), NEW))

    assert os.path.samefile(catalog.find("new").path, catalog.find(source).path)
    assert catalog.find("new").baked.system == catalog.find(source).baked.system


def used_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_model_of_an_ollama_cannot_be_deleted_or_replaced(catalog: Catalog, theirs: Store, tiny_gguf: Path) -> None:
    blob = put_model(theirs, "theirs", model=tiny_gguf.read_bytes())

    with pytest.raises(ReadOnlyModel):
        catalog.delete("theirs")
    with pytest.raises(NameTaken):
        make(catalog, Recipe(name=ModelName.parse("theirs"), base=catalog.find("tiny")))

    assert blob.exists()


class Killed(BaseException):
    pass


def test_killed_at_any_moment_the_name_means_the_old_model_or_the_new_one(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), system="old"))
    weights = catalog.find("new").path
    n_calls = 0
    while True:
        n_calls += 1
        with monkeypatch.context() as patch:
            is_whole = _make_until(catalog, patch, n_calls)
        state = Catalog(catalog.models_folder, max_age_s=0).find("new")
        assert state.baked.system in ("old", "new")
        assert state.path == weights
        assert weights.exists()
        if is_whole:
            break
        make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), system="old"))

    assert n_calls >= 5
    assert catalog.find("new").baked.system == "new"


def _make_until(catalog: Catalog, patch: pytest.MonkeyPatch, n_calls: int) -> bool:
    """Make the model, ended at the n-th change of the disk; return whether it came to its end."""
    left = n_calls

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return real(*args, **options)

        return call

    for name in ("replace", "fsync", "link"):
        patch.setattr(os, name, counted(getattr(os, name)))
    patch.setattr(Path, "unlink", counted(Path.unlink))
    try:
        make(catalog, Recipe(name=NEW, base=catalog.find("tiny"), system="new"))
    except Killed:
        return False
    return True


def test_what_cannot_be_shared_is_copied_and_told(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(blobs.fcntl, "ioctl", refuse)

    lines = make(catalog, Recipe(name=NEW, base=catalog.find("tiny")))

    assert any(line.endswith("bytes of disk used") for line in lines)
