"""Downloads by the real server: what only a process that dies, and a socket that is left, can show."""

from __future__ import annotations

import concurrent.futures
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ollama
import pytest

from tests.doubles.gguf_files import split_gguf
from tests.doubles.hub import Hub
from tests.doubles.model_server import ModelServer, seconds_until
from tests.doubles.registry import Registry

pytestmark = pytest.mark.model

MB = 1_000_000
ANSWER = "Hello! I am a scripted test model; my answer is always this one."
PADDED_BYTES = 48 * MB


@pytest.fixture
def registry(scripted_gguf: Path) -> Iterator[Registry]:
    """A registry with one model of 48 MB: the file's tail is of no tensor."""
    weights = scripted_gguf.read_bytes().ljust(PADDED_BYTES, b"\0")
    with Registry() as registry:
        registry.put("library/large/latest", model=weights, system=b"Be kind.")
        yield registry


def model(registry: Registry) -> str:
    return f"{registry.host}/library/large"


@contextmanager
def pulling(server: ModelServer, registry: Registry) -> Iterator[Iterator[dict[str, Any]]]:
    with server.http.stream("POST", "/api/pull", json={"model": model(registry)}) as response:
        yield map(json.loads, response.iter_lines())


def pulled(server: ModelServer, registry: Registry) -> list[dict[str, Any]]:
    with pulling(server, registry) as lines:
        return list(lines)


def wait_for(lines: Iterator[dict[str, Any]], n_bytes: float) -> None:
    """Read until the progress has come so far."""
    while next(lines).get("completed", 0) < n_bytes:
        pass


def completed(lines: list[dict[str, Any]]) -> list[int]:
    return [line["completed"] for line in lines if line.get("total") == PADDED_BYTES]


def test_a_private_model_is_pulled_once_the_account_knows_the_server_s_key(tmp_path: Path, registry: Registry) -> None:
    registry.realm, registry.scope = f"http://{registry.host}/token", "repository:library/tiny:pull other:pull"
    registry.accounts = []
    with ModelServer(tmp_path) as server:
        refused = server.http.post("/api/pull", json={"model": model(registry), "stream": False})
        registry.accounts = [(tmp_path / "id_ed25519.pub").read_text().strip()]
        steps = pulled(server, registry)

    assert refused.status_code == 403
    assert str(tmp_path / "id_ed25519.pub") in refused.json()["error"]
    assert steps[-1] == {"status": "success"}
    assert (tmp_path / "id_ed25519").stat().st_mode & 0o777 == 0o600


def test_a_pull_goes_on_after_the_server_was_killed(tmp_path: Path, registry: Registry) -> None:
    registry.bytes_per_s = 12 * MB
    with ModelServer(tmp_path) as server, pulling(server, registry) as lines:
        wait_for(lines, 0.6 * PADDED_BYTES)
        server.process.kill()
    registry.bytes_per_s = None
    registry.n_blob_bytes = 0

    with ModelServer(tmp_path) as server:
        steps = pulled(server, registry)
        answer = server.http.post("/api/generate", json={"model": model(registry), "prompt": "Hi", "stream": False})

    assert steps[-1] == {"status": "success"}
    assert registry.n_blob_bytes < 0.45 * PADDED_BYTES
    assert completed(steps)[0] > 0.55 * PADDED_BYTES
    assert answer.json()["done"] is True


def test_two_pulls_at_once_share_one_transfer_and_one_may_leave(tmp_path: Path, registry: Registry) -> None:
    registry.bytes_per_s = 24 * MB

    with ModelServer(tmp_path) as server, concurrent.futures.ThreadPoolExecutor() as threads:
        staying = threads.submit(pulled, server, registry)
        seconds_until(lambda: registry.n_blob_bytes > 0)
        with pulling(server, registry) as lines:
            wait_for(lines, PADDED_BYTES // 4)
        steps = staying.result()

    assert steps[-1] == {"status": "success"}
    assert completed(steps) == sorted(completed(steps))
    assert len(completed(steps)) > 5
    assert registry.n_blob_bytes <= PADDED_BYTES + len(b"Be kind.") + 1


def test_who_leaves_stops_the_transfer_and_keeps_what_came(tmp_path: Path, registry: Registry) -> None:
    registry.bytes_per_s = 12 * MB

    with ModelServer(tmp_path) as server:
        with pulling(server, registry) as lines:
            wait_for(lines, PADDED_BYTES // 4)
        seconds_until(lambda: registry.n_open == 0)
        sent = registry.n_blob_bytes
        registry.bytes_per_s = None
        steps = pulled(server, registry)

    assert sent < PADDED_BYTES * 3 // 4
    assert completed(steps)[0] > PADDED_BYTES // 4
    assert steps[-1] == {"status": "success"}


def test_ollama_s_own_client_sees_the_progress(tmp_path: Path, registry: Registry) -> None:
    with ModelServer(tmp_path) as server, ollama.Client(host=server.url, trust_env=False) as client:
        steps = list(client.pull(model(registry), stream=True))
        again = list(client.pull(model(registry), stream=True))

    assert [step.status for step in steps if not step.digest] == [
        "pulling manifest", "verifying sha256 digest", "writing manifest", "success",
    ]  # fmt: skip
    assert steps[1].total == steps[1].completed or steps[1].completed == 0
    assert again[-1].status == "success"
    assert sum("/blobs/" in path for path in registry.paths()) < 12


def test_a_split_model_of_the_hub_is_pulled_and_answers(tmp_path: Path, scripted_gguf: Path) -> None:
    parts = split_gguf(scripted_gguf, tmp_path / "parts")
    with Hub() as hub:
        for part in parts:
            hub.put("alice/Split-GGUF", part.name, part.read_bytes())
        with ModelServer(tmp_path / "data", HF_ENDPOINT=hub.url) as server:
            pull = server.http.post("/api/pull", json={"model": "hf.co/alice/Split-GGUF:F32", "stream": False})
            answer = server.http.post(
                "/api/generate", json={"model": "huggingface.co/alice/split-gguf:f32", "prompt": "Hi", "stream": False}
            )

    assert len(parts) > 2
    assert pull.json() == {"status": "success"}
    assert answer.json()["response"] == ANSWER


def test_what_the_hub_refuses_is_a_sentence_with_a_status(tmp_path: Path) -> None:
    with Hub() as hub, ModelServer(tmp_path, HF_ENDPOINT=hub.url) as server:
        hub.put("alice/Gated-GGUF", "gated-Q8_0.gguf", b"weights")
        hub.gated.add("alice/Gated-GGUF")

        lines = server.http.post("/api/pull", json={"model": "hf.co/alice/Gated-GGUF"}).text.splitlines()
        wrong = server.http.post("/api/pull", json={"model": "hf.co/alice/../..", "stream": False})
        none = server.http.post("/api/pull", json={"model": "hf.co/alice/Gated-GGUF:Q2_K", "stream": False})

    assert "accept its conditions at" in json.loads(lines[-1])["error"]
    assert (wrong.status_code, none.status_code) == (400, 404)
    assert none.json()["error"] == "pull model: alice/Gated-GGUF has no file for 'Q2_K'; it has Q8_0"
