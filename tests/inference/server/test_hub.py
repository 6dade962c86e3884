from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from inference import client
from inference.errors import ModelNotFound, UpstreamRefused
from inference.library.hub_settings import HubSettings
from inference.server.state import set_state
from tests.doubles.hub import Hub
from tests.doubles.model_server import ModelServer
from tests.inference.server.conftest import Server

REPOSITORY = "alice/Tiny-GGUF"


@pytest.fixture
def hub(tiny_gguf: Path) -> Iterator[Hub]:
    with Hub() as hub:
        small = tiny_gguf.read_bytes()
        hub.put(REPOSITORY, "Tiny-Q4_K_M.gguf", small)
        hub.put(REPOSITORY, "Tiny-Q8_0.gguf", small + bytes(1_000_000))
        hub.put(REPOSITORY, "Tiny-F32.gguf", small + bytes(2_000_000))
        hub.put(REPOSITORY, "mmproj-F16.gguf", small)
        yield hub


@pytest.fixture
def looking(server: Server, hub: Hub) -> Server:
    """A server that asks the double in place of Hugging Face."""
    state = replace(server.state, config=replace(server.state.config, hub=HubSettings(endpoint=hub.url)))
    set_state(state)
    return replace(server, state=state)


async def test_a_search_finds_repositories(looking: Server) -> None:
    found = (await looking.http.get("/hearth/hub/search", params={"q": "tiny"})).json()["repositories"]

    assert [(entry["name"], entry["n_downloads"], entry["is_gated"]) for entry in found] == [(REPOSITORY, 100, False)]


async def test_a_repository_s_models_come_with_the_verdict(looking: Server, hub: Hub) -> None:
    body = (await looking.http.get("/hearth/hub/models", params={"repository": REPOSITORY})).json()

    assert [entry["name"] for entry in body["models"]] == [
        f"hf.co/{REPOSITORY}:{quantization}" for quantization in ("Q4_K_M", "Q8_0", "F32")
    ]
    assert all(entry["has_projector"] for entry in body["models"])
    assert all(entry["fit"]["planned"]["weights_bytes"] >= entry["size_bytes"] for entry in body["models"])
    assert body["best"] == f"hf.co/{REPOSITORY}:F32"
    assert hub.n_blob_bytes < 1_000_000


async def test_the_best_one_is_the_largest_that_fits(looking: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def models_with(free_bytes: int) -> tuple[str, dict[str, int]]:
        monkeypatch.setattr(looking.state.scheduler, "free_bytes_alone", lambda: free_bytes)
        body = (await looking.http.get("/hearth/hub/models", params={"repository": REPOSITORY})).json()
        planned = {entry["quantization"]: entry["fit"]["planned"] for entry in body["models"]}
        parts = ("weights_bytes", "cache_bytes", "work_bytes")
        return body["best"], {name: sum(plan[part] for part in parts) for name, plan in planned.items()}

    nothing, needs = await models_with(1000)
    best, _needs = await models_with((needs["Q8_0"] + needs["F32"]) // 2)

    assert nothing == ""
    assert needs["Q4_K_M"] < needs["Q8_0"] < needs["F32"]
    assert best == f"hf.co/{REPOSITORY}:Q8_0"


async def test_an_address_of_a_repository_is_understood(looking: Server) -> None:
    response = await looking.http.get(
        "/hearth/hub/models", params={"repository": f"https://huggingface.co/{REPOSITORY}/tree/main"}
    )

    assert response.json()["repository"] == REPOSITORY


async def test_a_gated_repository_is_listed_without_a_verdict(looking: Server, hub: Hub) -> None:
    hub.gated.add(REPOSITORY)

    body = (await looking.http.get("/hearth/hub/models", params={"repository": REPOSITORY})).json()

    assert body["is_gated"]
    assert len(body["models"]) == 3
    assert body["models"][0]["fit"] is None
    assert "accept its conditions" in body["problem"]


async def test_a_file_that_is_no_gguf_is_told_and_the_rest_is_listed(looking: Server, hub: Hub) -> None:
    hub.put("alice/broken", "broken-Q8_0.gguf", b"<html>" * 100)

    body = (await looking.http.get("/hearth/hub/models", params={"repository": "alice/broken"})).json()

    assert body["problem"] == "broken-Q8_0.gguf: this is not a GGUF file"
    assert body["models"][0]["name"] == "hf.co/alice/broken:Q8_0"


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("search", {}, 400),
        ("search", {"q": "x" * 300}, 400),
        ("models", {}, 400),
        ("models", {"repository": "../.."}, 400),
        ("models", {"repository": "nobody/nothing"}, 404),
    ],
)
async def test_what_makes_no_sense_is_refused(looking: Server, path: str, params: dict[str, str], status: int) -> None:
    assert (await looking.http.get(f"/hearth/hub/{path}", params=params)).status_code == status


async def test_without_a_network_the_reason_is_said(server: Server) -> None:
    config = replace(server.state.config, hub=HubSettings(endpoint="http://127.0.0.1:1"))
    set_state(replace(server.state, config=config))

    response = await server.http.get("/hearth/hub/search", params={"q": "tiny"})

    assert response.status_code == 502
    assert response.json()["error"] == "Hugging Face cannot be asked: 127.0.0.1: no connection"


@pytest.mark.model
async def test_the_rest_of_the_product_asks_through_the_client(tmp_path: Path, hub: Hub, settings: Settings) -> None:
    with ModelServer(tmp_path, HF_ENDPOINT=hub.url) as model_server:
        settings.HEARTH_INFERENCE_URL = model_server.url

        (found,) = await client.search_hub("tiny")
        offered = await client.hub_models(found.name)
        with pytest.raises(ModelNotFound):
            await client.hub_models("nobody/nothing")
        await client.aclose()

    assert offered.best == f"hf.co/{REPOSITORY}:F32"
    assert offered.problem == ""
    assert all(model.fit is not None and model.fit.fits for model in offered.models)


@pytest.mark.model
async def test_the_client_says_that_the_hub_is_away(tmp_path: Path, settings: Settings) -> None:
    with ModelServer(tmp_path, HF_ENDPOINT="http://127.0.0.1:1") as model_server:
        settings.HEARTH_INFERENCE_URL = model_server.url

        with pytest.raises(UpstreamRefused) as error:
            await client.search_hub("tiny")
        await client.aclose()

    assert error.value.detail == "Hugging Face cannot be asked: 127.0.0.1: no connection"
