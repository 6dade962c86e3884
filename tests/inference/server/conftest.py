"""The model server's own Django in the test process, with runners that are no processes."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from inference.server import settings as server_settings
from inference.server.asgi import make_application
from inference.server.conf import ServerConfig
from inference.server.state import ServerState, make_state, set_state
from tests.doubles import gguf_files
from tests.doubles.model_server import ModelServer
from tests.inference.runner.test_tools import CALL, HERMES
from tests.inference.server.fakes import FakeStarter, settle


@dataclass
class Server:
    """The application, its state, and the runners that it started."""

    http: httpx.AsyncClient
    state: ServerState
    starter: FakeStarter
    models: Path

    async def post(self, route: str, /, **body: Any) -> httpx.Response:
        return await self.http.post(route, json=body)

    async def lines(self, route: str, /, *, headers: dict[str, str] | None = None, **body: Any) -> list[dict[str, Any]]:
        response = await self.http.post(route, json=body, headers=headers)
        assert response.status_code == 200, response.text
        assert response.headers["Content-Type"] == "application/x-ndjson"
        return [json.loads(line) for line in response.text.splitlines()]


@pytest.fixture(scope="session")
def model_server(
    tmp_path_factory: pytest.TempPathFactory, scripted_gguf: Path, slow_gguf: Path, embedding_gguf: Path
) -> Iterator[ModelServer]:
    data = tmp_path_factory.mktemp("model-server")
    (data / "models").mkdir()
    for path in (scripted_gguf, slow_gguf, embedding_gguf):
        shutil.copy(path, data / "models")
    gguf_files.build_scripted(
        data / "models" / "caller.gguf",
        f"<think>\nThe weather, then.\n</think>\n\nI look it up.\n{CALL}",
        chat_template=HERMES + "{#- <think> #}",
        shape=gguf_files.Shape(hidden=512),
    )
    with ModelServer(data, OLLAMA_CONTEXT_LENGTH="2048", OLLAMA_NUM_PARALLEL="2") as server:
        yield server


@pytest.fixture
async def server(tmp_path: Path, settings: Settings, tiny_gguf: Path, embedding_gguf: Path) -> AsyncIterator[Server]:
    """A server that offers `tiny` and `embedder`."""
    settings.ROOT_URLCONF = server_settings.ROOT_URLCONF
    settings.MIDDLEWARE = server_settings.MIDDLEWARE
    settings.ALLOWED_HOSTS = server_settings.ALLOWED_HOSTS
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = server_settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    config = ServerConfig(data=tmp_path, num_parallel=1, max_queue=1, origins=("https://app.example",))
    config.models_folder.mkdir()
    shutil.copy(tiny_gguf, config.models_folder / "tiny.gguf")
    shutil.copy(embedding_gguf, config.models_folder / "embedder.gguf")
    starter = FakeStarter()
    state = make_state(config, starter)
    set_state(state)
    transport = httpx.ASGITransport(app=make_application())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:11434") as http:
        yield Server(http=http, state=state, starter=starter, models=config.models_folder)
    await state.scheduler.aclose()
    await settle()
    set_state(None)


async def until(condition: Any, timeout_s: float = 5.0) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)
