from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import ollama
import openai
import pytest

from inference.server.keys import KeyCheck
from inference.server.state import set_state
from tests.doubles.model_server import ModelServer
from tests.inference.server.conftest import Server

KEY = "a-key-of-the-site"
OTHER_KEY = "a-key-of-another-client"
HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def locked(server: Server) -> Server:
    """The server, for those who have a key."""
    set_state(replace(server.state, keys=KeyCheck([KEY, OTHER_KEY])))
    return server


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}, {"Authorization": f"Basic {KEY}"},
     {"x-api-key": KEY[:-1]}, {"Authorization": "Bearer "}, {"x-api-key": f"{KEY},{OTHER_KEY}"}],
)  # fmt: skip
async def test_without_a_key_nothing_is_told(locked: Server, headers: dict[str, str]) -> None:
    for path in ("/api/tags", "/v1/models", "/hearth/status", "/nowhere"):
        response = await locked.http.get(path, headers=headers)

        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert "unauthorized" in response.text


async def test_without_a_key_nothing_is_done(locked: Server) -> None:
    assert (await locked.post("/api/chat", model="tiny", messages=HI)).status_code == 401
    assert locked.starter.n_starts == 0


@pytest.mark.parametrize(
    "headers", [{"Authorization": f"Bearer {KEY}"}, {"Authorization": f"bearer {OTHER_KEY}"}, {"x-api-key": KEY}]
)
async def test_with_a_key_everything_is_there(locked: Server, headers: dict[str, str]) -> None:
    assert (await locked.http.get("/api/tags", headers=headers)).status_code == 200


async def test_anybody_may_see_that_it_runs(locked: Server) -> None:
    assert (await locked.http.get("/")).status_code == 200
    asked = {"Origin": "http://localhost", "Access-Control-Request-Headers": "x-api-key"}
    preflight = await locked.http.options("/v1/messages", headers=asked)
    assert preflight.status_code == 204
    assert "x-api-key" in preflight.headers["Access-Control-Allow-Headers"].lower()


async def test_the_refusal_has_the_shape_of_its_protocol(locked: Server) -> None:
    openai_error = (await locked.http.post("/v1/chat/completions")).json()["error"]
    anthropic_error = (await locked.http.post("/v1/messages")).json()

    assert openai_error["type"] == "authentication_error"
    assert anthropic_error["error"]["type"] == "authentication_error"


@pytest.fixture(scope="module")
def locked_server(tmp_path_factory: pytest.TempPathFactory, scripted_gguf: Path) -> Iterator[ModelServer]:
    data = tmp_path_factory.mktemp("locked")
    (data / "models").mkdir()
    shutil.copy(scripted_gguf, data / "models")
    with ModelServer(data, HEARTH_API_KEY=KEY) as server:
        yield server


@pytest.mark.model
def test_unchanged_clients_bring_the_key(locked_server: ModelServer) -> None:
    with ollama.Client(host=locked_server.url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as client:
        assert "scripted:latest" in [model.model for model in client.list().models]
    with openai.OpenAI(base_url=f"{locked_server.url}/v1", api_key=KEY, max_retries=0) as other:
        assert "scripted:latest" in [model.id for model in other.models.list()]


@pytest.mark.model
def test_unchanged_clients_are_told_that_the_key_is_wrong(locked_server: ModelServer) -> None:
    with ollama.Client(host=locked_server.url, trust_env=False) as client:
        with pytest.raises(ollama.ResponseError, match="unauthorized") as error:
            client.list()
        assert error.value.status_code == 401
    with (
        openai.OpenAI(base_url=f"{locked_server.url}/v1", api_key="wrong", max_retries=0) as other,
        pytest.raises(openai.AuthenticationError),
    ):
        other.models.list()


@pytest.mark.model
def test_the_key_is_in_no_log_line(locked_server: ModelServer) -> None:
    locked_server.http.get("/api/tags", headers={"Authorization": f"Bearer {KEY}"})

    assert not [line for line in locked_server.log if KEY in line]
