"""The Ollama that compose starts beside the site: reached by its service's name, as the guide writes it."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from pytest_django import Settings

from inference import catalog, client
from inference.conf import environment_connections
from inference.types import ChatMessage, ChatRequest, Delta, Finished, ModelInfo
from tests.doubles.upstream import Upstream
from webui.config.env import Environment

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
GUIDE = (ROOT / "docs" / "how-to" / "containers.md").read_text()
URL = "http://ollama:11434"
OLLAMAS_PORT = 11434


def urls_in(text: str) -> set[str]:
    return {url for url in re.findall(r"OLLAMA_BASE_URLS=(\S+)", text) if "host.docker.internal" not in url}


def test_the_guide_and_the_file_name_the_address() -> None:
    assert urls_in(GUIDE) == urls_in((ROOT / "docker-compose.yml").read_text()) == {URL}


def test_the_address_is_the_service_on_the_network_of_the_site() -> None:
    address = urlsplit(URL)

    assert address.hostname in SERVICES
    assert address.port == OLLAMAS_PORT
    # Its image listens on every address of the container, at that port, unless a variable says otherwise.
    assert "OLLAMA_HOST" not in SERVICES["ollama"].get("environment", {})
    # Without a network of their own all services share one, and find each other by name.
    for name in ("web", "ollama"):
        assert not {"networks", "network_mode"} & set(SERVICES[name])


def test_the_site_is_handed_the_address_and_asks_the_built_in_server_as_before() -> None:
    environment = SERVICES["web"]["environment"]

    assert "OLLAMA_BASE_URLS" in environment
    assert environment["OLLAMA_BASE_URLS"] is None, "it comes from the shell or from .env"
    assert environment["HEARTH_INFERENCE_URL"] != URL


@pytest.fixture
def ollama_container(monkeypatch: pytest.MonkeyPatch) -> Upstream:
    """A double that the name and the port of the service lead to, as they do inside of compose's network."""
    double = Upstream()
    look_up = socket.getaddrinfo

    def in_network(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        inside = (host, port) == ("ollama", OLLAMAS_PORT)
        return look_up(*(("127.0.0.1", double.port) if inside else (host, port)), *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", in_network)
    return double


@pytest.mark.django_db
async def test_a_model_of_that_ollama_answers(
    ollama_container: Upstream, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OLLAMA_BASE_URLS = Environment({"OLLAMA_BASE_URLS": URL}).urls("OLLAMA_BASE_URLS")
    settings.OPENAI_API_BASE_URLS = []
    (spec,) = environment_connections()
    monkeypatch.setattr(catalog, "_read_specs", lambda: (spec,))
    with ollama_container as ollama:
        models: list[ModelInfo] = list((await client.list_models()).models)
        tiny = next(model for model in models if model.name == "tiny:latest")
        asked = ChatRequest(model=tiny.id, messages=[ChatMessage(role="user", content="Hi")])
        events = [event async for event in client.stream_chat(asked)]

    assert (spec.kind, spec.name, spec.url) == ("ollama", "ollama:11434", URL)
    assert any(isinstance(event, Delta) for event in events)
    assert isinstance(events[-1], Finished)
    assert ollama.last("/api/chat").headers["host"] == "ollama:11434"
