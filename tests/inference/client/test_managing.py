"""What an administrator does with models, against the upstream double as the built-in server."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from pytest_django import Settings

from inference import client
from inference.conf import ConnectionSpec
from inference.errors import InvalidRequest, ModelNotFound, UpstreamRefused
from inference.types import FoundStore, PullProgress, UnusableFile
from tests.doubles.upstream import Behaviour, Upstream
from tests.inference.client.conftest import UseConnections


@pytest.fixture(autouse=True)
def built_in(
    upstream: Upstream, builtin_spec: ConnectionSpec, use_connections: UseConnections, settings: Settings
) -> None:
    settings.HEARTH_INFERENCE_URL = upstream.url
    use_connections(builtin_spec)


async def test_a_model_is_loaded_and_unloaded(upstream: Upstream) -> None:
    await client.load_model("tiny")
    (loaded,) = await client.loaded_models()
    assert (loaded.name, loaded.context_length) == ("tiny:latest", 8192)

    await client.unload_model("tiny")
    assert await client.loaded_models() == ()


async def test_the_site_brings_the_first_key_of_its_model_server(upstream: Upstream, settings: Settings) -> None:
    upstream.api_key = "a-key-of-the-site"
    settings.HEARTH_API_KEY = "a-key-of-the-site, a-key-of-another-client"

    assert await client.is_built_in_ready()


async def test_a_model_is_deleted(upstream: Upstream) -> None:
    await client.delete_model("tiny:latest")

    with pytest.raises(ModelNotFound):
        await client.find_model("tiny:latest")


async def test_what_is_only_attached_is_not_deleted(upstream: Upstream) -> None:
    await client.find_model("tiny")
    upstream.behaviour = Behaviour(fault="status", status=403)

    with pytest.raises(InvalidRequest):
        await client.delete_model("tiny")


async def test_models_behind_openai_are_not_managed_here(
    openai_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(openai_spec)

    with pytest.raises(InvalidRequest):
        await client.load_model("tiny:latest")


async def test_a_download_tells_its_progress(upstream: Upstream) -> None:
    steps = [step async for step in client.pull_model("qwen")]

    assert steps[0] == PullProgress(status="pulling manifest")
    assert steps[2] == PullProgress(status="pulling 1a2b", total_bytes=100, completed_bytes=50)
    assert steps[-1] == PullProgress(status="success")
    assert (await client.find_model("qwen")).id == "qwen:latest"


async def test_a_download_that_fails_tells_why(upstream: Upstream) -> None:
    upstream.pull_steps = [{"status": "pulling manifest"}, {"error": "not enough disk space"}]

    with pytest.raises(UpstreamRefused) as caught:
        async for _ in client.pull_model("qwen"):
            pass

    assert caught.value.detail == "not enough disk space"


async def test_closing_a_download_stops_it(upstream: Upstream) -> None:
    upstream.behaviour = Behaviour(rate=0.1)

    async with aclosing(client.pull_model("qwen")) as steps:
        await anext(steps)

    await upstream.wait_until_async(lambda double: double.n_aborted == 1, timeout_s=2)


async def test_a_file_is_attached_by_its_path(upstream: Upstream) -> None:
    assert await client.attach_model("/models/Llama.gguf") == ("llama:latest",)
    assert (await client.find_model("llama")).id == "llama:latest"


async def test_a_path_that_does_not_exist_tells_so(upstream: Upstream) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await client.attach_model("nowhere")

    assert caught.value.detail == "nowhere does not exist"


async def test_stores_of_other_programs_are_found(upstream: Upstream) -> None:
    upstream.stores = [
        {"kind": "ollama", "path": "/usr/share/ollama", "n_models": 3, "size_bytes": 9_000},
        {"kind": "unheard of", "path": "/x"},
    ]

    assert await client.found_stores() == (
        FoundStore(kind="ollama", path="/usr/share/ollama", n_models=3, size_bytes=9_000),
    )


async def test_files_that_cannot_be_used_are_named_with_their_problem(upstream: Upstream, settings: Settings) -> None:
    upstream.broken_files = [{"path": "/data/models/half.gguf", "error": "it is cut off"}, {"error": "no path"}]

    assert await client.unusable_files() == (UnusableFile(path="/data/models/half.gguf", problem="it is cut off"),)

    with Upstream() as gone:
        settings.HEARTH_INFERENCE_URL = gone.url
    assert await client.unusable_files() == ()


async def test_the_built_in_server_is_ready_when_it_answers(upstream: Upstream, settings: Settings) -> None:
    assert await client.is_built_in_ready()

    with Upstream() as gone:
        settings.HEARTH_INFERENCE_URL = gone.url
    assert not await client.is_built_in_ready()


def test_each_event_loop_closes_its_own_connections(upstream: Upstream) -> None:
    for _ in range(3):
        assert asyncio.run(client.is_built_in_ready())
