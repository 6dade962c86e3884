"""What the page of models asks the server for."""

from __future__ import annotations

from tests.inference.server.conftest import Server

HI = [{"role": "user", "content": "Hi"}]


async def test_the_library_says_where_models_lie_and_whether_they_fit(server: Server) -> None:
    library = (await server.http.get("/hearth/library")).json()

    tiny = next(model for model in library["models"] if model["name"] == "tiny:latest")
    assert (tiny["source"], tiny["is_ours"], tiny["path"]) == ("folder", True, str(server.models / "tiny.gguf"))
    planned = tiny["fit"]["planned"]
    assert planned["weights_bytes"] == (server.models / "tiny.gguf").stat().st_size
    assert min(planned["context_length"], planned["n_slots"], planned["cache_bytes"], planned["work_bytes"]) > 0
    assert tiny["fit"]["free_bytes"] == library["memory"]["free_bytes"] <= library["memory"]["total_bytes"]
    assert library["disk"]["models_bytes"] == sum(path.stat().st_size for path in server.models.glob("*.gguf"))
    assert 0 < library["disk"]["free_bytes"] < library["disk"]["total_bytes"]


async def test_the_status_puts_the_forecast_beside_what_is_taken(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI, keep_alive=-1)

    (runner,) = (await server.http.get("/hearth/status")).json()["models"]

    assert runner["forecast_bytes"] == server.state.scheduler.seats()[0].needs_bytes
    assert 0 < runner["cache_bytes"] < runner["forecast_bytes"]
    assert runner["card_bytes"] == 0
    assert runner["expires_at"].endswith("Z")


async def test_a_plain_file_is_told_key_by_key(server: Server) -> None:
    contents = (await server.post("/hearth/contents", model="tiny")).json()

    keys = {entry["key"]: entry for entry in contents["keys"]}
    assert keys["general.architecture"] == {"key": "general.architecture", "value": "qwen2"}
    tokens = keys["tokenizer.ggml.tokens"]
    assert tokens["n_items"] > len(tokens["value"].split(", ")) == 8
    assert (contents["layers"], contents["source"], contents["template_from"]) == ([], "folder", "file")
    path = server.models / "tiny.gguf"
    assert contents["files"] == [{"kind": "model", "path": str(path), "size_bytes": path.stat().st_size}]
    assert contents["template"] == keys["tokenizer.chat_template"]["value"]


async def test_a_stored_model_is_told_layer_by_layer(server: Server) -> None:
    texts = {"system": "You are Mario.", "license": ["MIT"], "template": "{{ .Prompt }}"}
    parameters = {"temperature": 1, "stop": "end"}
    await server.lines("/api/create", model="mario", **{"from": "tiny"}, **texts, parameters=parameters)

    contents = (await server.post("/hearth/contents", model="mario")).json()

    layers = {layer["kind"]: layer for layer in contents["layers"]}
    assert set(layers) == {"model", "system", "license", "template", "params", "config"}
    assert (layers["license"]["text"], layers["license"]["size_bytes"]) == ("MIT", 3)
    assert "text" not in layers["model"]
    assert all(layer["digest"].startswith("sha256:") for layer in contents["layers"])
    assert (contents["template"], contents["template_from"]) == ("{{ .Prompt }}", "own")
    assert (contents["parent"], contents["parameters"]) == ("tiny:latest", {"temperature": 1.0, "stop": ["end"]})


async def test_contents_of_a_model_that_is_not_there(server: Server) -> None:
    assert (await server.post("/hearth/contents", model="nobody")).status_code == 404
