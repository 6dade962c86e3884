"""The clients of OpenAI and Ollama, unchanged, against a whole site with the real engine."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import ollama
import openai
import pytest

from tests.contracts.conftest import built_in_url as built_in_url
from tests.doubles.gguf_fixtures import embedding_gguf as embedding_gguf
from tests.doubles.gguf_fixtures import gguf_folder as gguf_folder
from tests.doubles.gguf_fixtures import scripted_gguf as scripted_gguf
from tests.doubles.upstream import Upstream
from tests.doubles.upstream_pieces import Behaviour
from tests.e2e.site import ROOT, environment_of, running_site

QUESTION = "Say hello."
MAY_TAKE_S = 0.3
"""From the moment when a program hangs up to that when the upstream has stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    url: str
    key: str
    double: Upstream
    """A second upstream, which alone offers `large:latest`."""

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, built_in_url: str) -> Iterator[Gateway]:
    data: Path = tmp_path_factory.mktemp("gateway") / "site"
    with Upstream() as double, running_site(data, built_in_url=built_in_url, model_url=double.url) as site:

        def hearth(*words: str, typed: str = "") -> str:
            command = [sys.executable, str(ROOT / "manage.py"), *words]
            environment = environment_of(site)
            done = subprocess.run(  # noqa: S603  (our own command)
                command, cwd=ROOT, env=environment, input=typed, capture_output=True, text=True, check=True
            )
            return done.stdout.strip()

        hearth("adduser", "ann@example.org", "--role", "admin", "--password-stdin", typed="a long enough password\n")
        scopes = [word for scope in ("answers", "embeddings", "management") for word in ("--scope", scope)]
        key = hearth("apikey", "ann@example.org", "--name", "Clients", *scopes)
        yield Gateway(url=site.url, key=key, double=double)


@pytest.fixture
def openai_client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
        yield client


@pytest.fixture
def ollama_client(gateway: Gateway) -> Iterator[ollama.Client]:
    client = ollama.Client(host=f"{gateway.url}/ollama", headers=gateway.bearer)
    with contextlib.closing(client._client):
        yield client


def test_openais_client_chats_streams_and_embeds(openai_client: openai.OpenAI) -> None:
    assert "tiny:latest" in [model.id for model in openai_client.models.list()]
    assert openai_client.models.retrieve("tiny:latest").id == "tiny:latest"
    whole = openai_client.chat.completions.create(
        model="tiny:latest", messages=[{"role": "user", "content": QUESTION}], temperature=0
    )
    stream = openai_client.chat.completions.create(
        model="tiny:latest",
        messages=[{"role": "user", "content": QUESTION}],
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )

    chunks = list(stream)

    assert whole.choices[0].message.content
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == (
        whole.choices[0].message.content
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert whole.usage
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert openai_client.completions.create(model="tiny:latest", prompt=QUESTION, max_tokens=4).choices[0].text
    assert openai_client.responses.create(model="tiny:latest", input=QUESTION).output_text
    embedded = openai_client.embeddings.create(model="embed:latest", input=["one", "two"])
    assert [len(row.embedding) for row in embedded.data] == [len(embedded.data[0].embedding)] * 2


def test_openais_client_is_told_what_is_wrong(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        openai_client.chat.completions.create(model="gone", messages=[{"role": "user", "content": QUESTION}])
    with pytest.raises(openai.AuthenticationError):
        openai_client.with_options(api_key="wrong").models.list()

    assert missing.value.code == "model_not_found"


def test_a_stream_of_events_ends_with_done(gateway: Gateway) -> None:
    body = {"model": "tiny:latest", "messages": [{"role": "user", "content": QUESTION}], "stream": True}

    answer = httpx.post(f"{gateway.url}/v1/chat/completions", json=body, headers=gateway.bearer)

    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.text.endswith("data: [DONE]\n\n")


def test_anthropics_words_are_spoken(gateway: Gateway) -> None:
    body = {"model": "tiny:latest", "max_tokens": 20, "messages": [{"role": "user", "content": QUESTION}]}

    answer = httpx.post(f"{gateway.url}/v1/messages", json=body, headers={"x-api-key": gateway.key})

    assert answer.status_code == 200
    assert answer.json()["content"][0]["text"]


def test_ollamas_client_does_everything_it_knows(ollama_client: ollama.Client) -> None:
    assert "tiny:latest" in [model.model for model in ollama_client.list().models]
    assert ollama_client.show("tiny:latest").details
    messages = [{"role": "user", "content": QUESTION}]
    whole = ollama_client.chat("tiny:latest", messages, options={"temperature": 0}).message.content
    pieces = list(ollama_client.chat("tiny:latest", messages, stream=True, options={"temperature": 0}))
    assert whole
    assert "".join(piece.message.content or "" for piece in pieces) == whole
    assert pieces[-1].done
    assert ollama_client.generate("tiny:latest", QUESTION).response
    assert len(ollama_client.embed("embed:latest", ["one", "two"]).embeddings) == 2
    assert "tiny:latest" in [model.model for model in ollama_client.ps().models]
    with pytest.raises(ollama.ResponseError, match="not found"):
        ollama_client.chat("gone", messages)


def test_administrators_copy_and_delete_models(ollama_client: ollama.Client) -> None:
    ollama_client.create("second", from_="tiny:latest", system="Be brief.")
    ollama_client.copy("second", "third")
    assert {"second:latest", "third:latest"} <= {model.model for model in ollama_client.list().models}

    for name in ("second", "third"):
        ollama_client.delete(name)

    assert not {"second:latest", "third:latest"} & {model.model for model in ollama_client.list().models}
    with pytest.raises(ollama.ResponseError):
        ollama_client.push("tiny:latest")


@pytest.mark.parametrize("behaviour", [Behaviour(rate=50, tokens=5000), Behaviour(delay=60_000)])
def test_who_hangs_up_stops_the_upstream(gateway: Gateway, behaviour: Behaviour) -> None:
    double = gateway.double
    double.behaviour = behaviour
    body = {"model": "large:latest", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    n_before = double.n_aborted

    address = f"{gateway.url}/ollama/api/chat"
    with (
        contextlib.suppress(httpx.ReadTimeout),
        httpx.stream("POST", address, json=body, headers=gateway.bearer, timeout=1) as answer,
    ):
        assert next(answer.iter_raw())
        assert double.n_active == 1
    hung_up_at = time.monotonic()
    while double.n_aborted == n_before and time.monotonic() < hung_up_at + 10:
        time.sleep(0.005)

    assert time.monotonic() - hung_up_at < MAY_TAKE_S
