from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from inference.library.modelfile import parse
from inference.server.durations import FOREVER
from tests.doubles.registry import Registry
from tests.inference.library.stores import make_store, put_model
from tests.inference.server.conftest import Server

HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as registry:
        yield registry


async def test_tags_list_what_there_is_with_ollama_s_fields(server: Server) -> None:
    models = (await server.http.get("/api/tags")).json()["models"]

    by_name = {model["name"]: model for model in models}
    assert {"tiny:latest", "embedder:latest", "all-minilm:latest"} <= set(by_name)
    tiny = by_name["tiny:latest"]
    assert set(tiny) == {"name", "model", "modified_at", "size", "digest", "details"}
    assert tiny["size"] == (server.models / "tiny.gguf").stat().st_size
    assert tiny["details"]["format"] == "gguf"
    assert tiny["details"]["families"] == [tiny["details"]["family"]]
    assert tiny["details"]["quantization_level"]
    assert len(tiny["digest"]) == 64


async def test_a_new_file_can_be_asked_at_once(server: Server, scripted_gguf: Path) -> None:
    await server.http.get("/api/tags")
    shutil.copy(scripted_gguf, server.models / "fresh.gguf")

    assert (await server.post("/api/show", model="fresh")).status_code == 200


async def test_show_tells_what_the_file_says(server: Server) -> None:
    shown = (await server.post("/api/show", model="tiny")).json()

    assert shown["capabilities"] == ["completion"]
    assert shown["model_info"]["general.architecture"] == shown["details"]["family"]
    assert shown["model_info"][f"{shown['details']['family']}.context_length"] == 4096
    assert shown["model_info"]["general.parameter_count"] > 0
    assert "tokenizer.chat_template" not in shown["model_info"]
    assert "message.role" in shown["template"]
    assert shown["modelfile"].splitlines()[-1].startswith("FROM ")


async def test_show_takes_the_older_field_too(server: Server) -> None:
    assert (await server.post("/api/show", name="tiny")).status_code == 200


async def test_ps_lists_loaded_models_only(server: Server) -> None:
    assert (await server.http.get("/api/ps")).json() == {"models": []}
    await server.lines("/api/chat", model="tiny", messages=HI, options={"num_ctx": 2048})

    (model,) = (await server.http.get("/api/ps")).json()["models"]

    assert (model["name"], model["context_length"], model["size_vram"]) == ("tiny:latest", 2048, 0)
    assert model["hearth"] == {"rss_bytes": 123_456_789, "cache_bytes": 2048 * 256}
    assert model["expires_at"].endswith("Z")


async def test_a_model_that_never_expires_has_a_date_far_away(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI, keep_alive=-1)

    (model,) = (await server.http.get("/api/ps")).json()["models"]

    assert int(model["expires_at"][:4]) > 2200
    assert server.state.scheduler.seats()[0].keep_alive_s == FOREVER


async def test_a_deleted_model_is_unloaded_and_gone(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI)

    response = await server.http.request("DELETE", "/api/delete", json={"model": "tiny"})

    assert response.status_code == 200
    assert server.starter.living == []
    assert not (server.models / "tiny.gguf").exists()
    assert (await server.post("/api/show", model="tiny")).status_code == 404


async def test_the_embedded_embedder_cannot_be_deleted(server: Server) -> None:
    response = await server.http.request("DELETE", "/api/delete", json={"model": "all-minilm"})

    assert response.status_code == 403


async def test_deleting_an_unknown_model_is_404(server: Server) -> None:
    response = await server.http.request("DELETE", "/api/delete", json={"model": "nobody"})

    assert response.status_code == 404


async def test_a_pulled_model_can_be_asked(server: Server, registry: Registry, scripted_gguf: Path) -> None:
    registry.put("library/pulled/latest", model=scripted_gguf.read_bytes())

    lines = await server.lines("/api/pull", model=f"{registry.host}/library/pulled")

    assert lines[0] == {"status": "pulling manifest"}
    assert lines[-1] == {"status": "success"}
    answer = await server.lines("/api/chat", model=f"{registry.host}/library/pulled", messages=HI)
    assert answer[-1]["done"] is True


async def test_a_pull_without_streaming_ends_with_success(
    server: Server, registry: Registry, scripted_gguf: Path
) -> None:
    registry.put("library/pulled/latest", model=scripted_gguf.read_bytes())

    response = await server.post("/api/pull", model=f"{registry.host}/library/pulled", stream=False)

    assert response.json() == {"status": "success"}


async def test_a_pull_of_an_unknown_model_ends_with_an_error_line(server: Server, registry: Registry) -> None:
    lines = await server.lines("/api/pull", model=f"{registry.host}/library/nobody")

    assert "has no model" in lines[-1]["error"]


async def test_a_pull_that_fails_without_streaming_has_a_status(server: Server, registry: Registry) -> None:
    response = await server.post("/api/pull", model=f"{registry.host}/library/nobody", stream=False)

    assert response.status_code == 404


async def test_a_name_that_is_none_is_not_pulled(server: Server) -> None:
    response = await server.post("/api/pull", model="../../etc")

    assert response.status_code == 400
    assert response.json()["error"] == "invalid model name"


async def test_an_attached_file_is_offered(server: Server, tmp_path: Path, scripted_gguf: Path) -> None:
    shutil.copy(scripted_gguf, tmp_path / "Elsewhere-Q8_0.gguf")

    attached = (await server.post("/hearth/attach", path=str(tmp_path / "Elsewhere-Q8_0.gguf"))).json()

    assert [model["name"] for model in attached["models"]] == ["elsewhere:q8_0"]
    assert (await server.post("/api/show", model="elsewhere:q8_0")).status_code == 200


@pytest.mark.parametrize("path", ["", "relative.gguf", "/nowhere", 7, None])
async def test_what_cannot_be_attached_is_400_with_the_reason(server: Server, path: object) -> None:
    response = await server.post("/hearth/attach", path=path)

    assert response.status_code == 400
    assert response.json()["error"]


async def test_stores_of_this_machine_are_offered(
    server: Server, tmp_path: Path, scripted_gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = tmp_path / "home" / ".lmstudio" / "models"
    studio.mkdir(parents=True)
    shutil.copy(scripted_gguf, studio / "found.gguf")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    stores = (await server.http.get("/hearth/stores")).json()["stores"]

    assert {
        "kind": "lmstudio",
        "path": str(studio),
        "n_models": 1,
        "size_bytes": scripted_gguf.stat().st_size,
    } in stores


async def test_status_tells_the_runners_and_the_broken_files(server: Server) -> None:
    (server.models / "broken.gguf").write_text("no model")
    await server.lines("/api/chat", model="tiny", messages=HI)
    server.state.catalog.snapshot(fresh=True)

    status = (await server.http.get("/hearth/status")).json()

    (model,) = status["models"]
    assert (model["name"], model["state"], model["n_active"], model["n_slots"]) == ("tiny:latest", "ready", 0, 1)
    assert model["pid"] == server.starter.of("tiny").pid
    assert model["rss_bytes"] == server.starter.of("tiny").rss_bytes
    assert [Path(broken["path"]).name for broken in status["broken"]] == ["broken.gguf"]
    assert json.dumps(status)


async def test_the_modelfile_that_is_shown_reads_back(server: Server, tiny_gguf: Path) -> None:
    make_store(server.state.catalog.store.root)
    said = orjson.dumps([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": 'I said "hi"\ntoo'}])
    options = orjson.dumps({"stop": ["<|im_end|>", "User: "], "temperature": 0.5, "use_mmap": True, "odd": None})
    put_model(
        server.state.catalog.store,
        "full",
        model=tiny_gguf.read_bytes(),
        system=b" Be brief.",
        template=b"{{ .Prompt }}",
        license=b'One "licence"\nof two lines',
        params=options,
        messages=said,
    )

    shown = (await server.post("/api/show", model="full")).json()
    modelfile = parse(shown["modelfile"])

    assert modelfile.last("FROM") == str(server.state.catalog.find("full").path)
    assert modelfile.parameters() == {"stop": ["<|im_end|>", "User: "], "temperature": 0.5, "use_mmap": True}
    assert (modelfile.last("SYSTEM"), modelfile.last("TEMPLATE")) == (" Be brief.", "{{ .Prompt }}")
    assert modelfile.last("LICENSE") == 'One "licence"\nof two lines'
    assert modelfile.messages() == [("user", "Hi"), ("assistant", 'I said "hi"\ntoo')]


async def test_show_tells_tensors_and_lists_only_when_it_is_asked(server: Server) -> None:
    await server.post("/api/create", model="made", **{"from": "tiny"}, system="Be brief.", stream=False)

    plain = (await server.post("/api/show", model="made")).json()
    verbose = (await server.post("/api/show", model="made", verbose=True)).json()

    tensors = {tensor["name"]: tensor for tensor in verbose["tensors"]}
    assert "tensors" not in plain
    assert "tokenizer.ggml.tokens" not in plain["model_info"]
    assert tensors["blk.0.attn_q.weight"] == {"name": "blk.0.attn_q.weight", "type": "F32", "shape": [64, 64]}
    assert "<|im_end|>" in verbose["model_info"]["tokenizer.ggml.tokens"]
    assert [layer["mediaType"].rpartition(".")[2] for layer in verbose["layers"]] == ["model", "system"]
    assert plain["model_info"].items() <= verbose["model_info"].items()
    assert (await server.post("/api/show", model="all-minilm", verbose=True)).json()["tensors"] == []
