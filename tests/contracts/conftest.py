"""The two servers that must speak alike: the upstream double, and the real built-in model server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.doubles import gguf_files
from tests.doubles.gguf_fixtures import embedding_gguf, gguf_folder, scripted_gguf
from tests.doubles.upstream import FakeModel, Upstream
from tests.inference.runner.test_tools import CALL, HERMES

__all__ = ["embedding_gguf", "gguf_folder", "scripted_gguf"]

LONG_ANSWER = " ".join(str(number) for number in range(1, 101))
"""Takes the slow model about as many steps of some milliseconds each."""
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def built_in_url(tmp_path_factory: pytest.TempPathFactory, scripted_gguf: Path, embedding_gguf: Path) -> Iterator[str]:
    """The address of a real built-in server in its own process, with three chat models and an embedding model."""
    data = tmp_path_factory.mktemp("built-in")
    (data / "models").mkdir()
    shutil.copy(scripted_gguf, data / "models" / "tiny.gguf")
    shutil.copy(embedding_gguf, data / "models" / "embed.gguf")
    gguf_files.build_scripted(data / "models" / "slow.gguf", LONG_ANSWER, shape=gguf_files.SLOW)
    gguf_files.build_scripted(
        data / "models" / "caller.gguf",
        f"<think>\nThe weather, then.\n</think>\n\nI look it up.\n{CALL}",
        chat_template=HERMES + "{#- <think> #}",
        shape=gguf_files.Shape(hidden=512),
    )
    address = f"127.0.0.1:{_free_port()}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HEARTH_", "OLLAMA_", "DJANGO_"))},
        "HEARTH_DATA": str(data),
        "HEARTH_ENV_FILE": os.devnull,
        "OLLAMA_HOST": address,
    }
    with (data / "log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-m", "inference.server"], cwd=ROOT, env=environment, stderr=log)
    try:
        _wait_until_ready(server, f"http://{address}/api/version", data / "log")
        yield f"http://{address}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(15)


@pytest.fixture(scope="session")
def double_url() -> Iterator[str]:
    models = [
        FakeModel(name="tiny:latest"),
        FakeModel(name="slow:latest"),
        FakeModel(name="embed:latest", capabilities=("embedding",)),
        FakeModel(
            name="caller:latest",
            capabilities=("completion", "tools", "thinking"),
            calls=({"name": "get_weather", "arguments": {"city": "Zürich", "days": 3}},),
        ),
    ]
    with Upstream(models=models) as double:
        yield double.url


@pytest.fixture(scope="session", params=["double", pytest.param("built_in", marks=pytest.mark.model)])
def server(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of each server in turn; both offer `tiny`, `slow`, `caller` and `embed`."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
        yield http


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        assert server.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
