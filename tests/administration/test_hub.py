"""Looking for models on the Hub: the real model server, and a double of Hugging Face."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from tests.doubles import gguf_files
from tests.doubles.hub import Hub
from tests.doubles.model_server import ModelServer
from webui.administration.downloads import DOWNLOADS

HUB = "/administration/models/hub/"
REPOSITORY = "alice/Tiny-GGUF"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    small = gguf_files.build_tiny(tmp_path_factory.mktemp("hub") / "tiny.gguf").read_bytes()
    with Hub() as running:
        running.put(REPOSITORY, "Tiny-Q4_K_M.gguf", small)
        running.put(REPOSITORY, "Tiny-Q8_0.gguf", small + bytes(1_000_000))
        running.put("bob/Secret-tiny", "Secret-Q4_0.gguf", small)
        running.put("carol/No-tiny", "README.md", b"nothing")
        running.gated.add("bob/Secret-tiny")
        yield running


@pytest.fixture(scope="module")
def server(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    with ModelServer(tmp_path_factory.mktemp("hub-server") / "data", HF_ENDPOINT=hub.url) as running:
        yield running


@pytest.fixture(autouse=True)
def _built_in(server: ModelServer, settings: Settings) -> Iterator[None]:
    settings.HEARTH_INFERENCE_URL = server.url
    yield
    for download in DOWNLOADS:
        DOWNLOADS.remove(download)
        assert download.wait(10)


def text(browser: Client, path: str, **query: str) -> str:
    return str(browser.get(HUB + path, query).content.decode())


def test_a_search_lists_repositories(root_client: Client) -> None:
    found = text(root_client, "", q="tiny")

    assert REPOSITORY in found
    assert f"repository={REPOSITORY.replace('/', '%2F')}" in found
    assert "100 downloads" in found
    assert found.count("Needs a token") == 1


def test_a_search_without_a_result_says_so(root_client: Client) -> None:
    assert "No GGUF model is found for “&lt;nothing&gt;”." in text(root_client, "", q="<nothing>")


def test_each_model_of_a_repository_has_its_verdict(root_client: Client) -> None:
    shown = text(root_client, "models/", repository=REPOSITORY)

    assert shown.count("Fits with a context of 4k") == 2
    assert f'value="hf.co/{REPOSITORY}:Q8_0"' in shown
    best = shown.index("Best that fits")
    assert shown.index("Q8_0") < best


def test_what_the_hub_refuses_is_told(root_client: Client) -> None:
    assert 'role="alert"' in text(root_client, "models/", repository="alice/Nobody")
    assert "There is no GGUF model in it." in text(root_client, "models/", repository="carol/No-tiny")


def test_a_model_of_the_hub_is_downloaded(root_client: Client, server: ModelServer) -> None:
    root_client.post("/administration/models/pull/", {"name": f"hf.co/{REPOSITORY}:Q4_K_M"})

    (download,) = DOWNLOADS
    assert download.wait(20)
    assert download.state == "finished"
    assert f"hf.co/{REPOSITORY}" in root_client.get("/administration/models/list/").content.decode()


def test_a_dead_server_is_told(root_client: Client, settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = "http://127.0.0.1:9"

    assert "Nothing listens at 127.0.0.1:9" in text(root_client, "", q="tiny")


def test_only_administrators_search(alice_client: Client, hub: Hub) -> None:
    n_before = len(hub.requests)

    assert alice_client.get(HUB, {"q": "tiny"}).status_code == 404
    assert alice_client.get(f"{HUB}models/", {"repository": REPOSITORY}).status_code == 404
    assert len(hub.requests) == n_before
