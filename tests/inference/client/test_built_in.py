"""What an administrator does with models, against the real model server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from pytest_django import Settings

from inference import client
from inference.conf import ConnectionSpec
from inference.errors import InvalidRequest, ModelNotFound
from inference.types import LoadSettings, ModelChange
from tests.doubles import gguf_files
from tests.doubles.model_server import ModelServer
from tests.inference.client.conftest import UseConnections

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    data = tmp_path_factory.mktemp("server") / "data"
    (data / "models").mkdir(parents=True)
    for name in ("deleted", "loaded", "known"):
        gguf_files.build_tiny(data / "models" / f"{name}.gguf")
    with ModelServer(data) as running:
        yield running


@pytest_asyncio.fixture(autouse=True)
async def _connected(server: ModelServer, use_connections: UseConnections, settings: Settings) -> AsyncIterator[None]:
    settings.HEARTH_INFERENCE_URL = server.url
    use_connections(ConnectionSpec(name="Built-in", kind="builtin", url=server.url, prefix="builtin"))
    yield
    await client.aclose()


async def test_a_model_is_deleted(server: ModelServer) -> None:
    await client.delete_model("deleted")

    assert not (server.models / "deleted.gguf").exists()


async def test_a_model_is_loaded_with_a_window_and_gives_its_memory_back() -> None:
    await client.load_model("loaded", num_ctx=1024)

    (runner,) = await client.runners()
    assert (runner.name, runner.state, runner.context_length) == ("loaded:latest", "ready", 1024)
    assert runner.rss_bytes
    assert runner.rss_bytes > 10**7
    assert runner.expires_at is not None
    await client.unload_model("loaded")
    assert await client.runners() == ()


async def test_the_library_knows_the_fit_of_each_model(server: ModelServer) -> None:
    library = await client.library()

    entry = next(entry for entry in library.entries if entry.name == "known:latest")
    assert (entry.path, entry.source, entry.is_ours) == (str(server.models / "known.gguf"), "folder", True)
    assert entry.fit.fits
    assert entry.fit.planned.weights_bytes > 0


async def test_a_model_is_made_anew_with_other_texts(server: ModelServer) -> None:
    await client.change_model(ModelChange(name="kind", base="known", system="Be kind.", parameters={"seed": 1}))
    await client.change_model(ModelChange(name="kind", base="kind", template="{{ .Prompt }}", removed=("seed",)))

    contents = await client.model_contents("kind")

    assert (contents.system, contents.template, contents.template_from) == ("Be kind.", "{{ .Prompt }}", "own")
    assert (contents.parameters, contents.parent, contents.source) == ({}, "known:latest", "pulled")
    assert contents.can_be_overwritten
    assert {layer.kind for layer in contents.layers} == {"model", "system", "template", "config"}
    assert next(entry for entry in contents.keys if entry.key == "tokenizer.ggml.tokens").n_items
    assert "kind:latest" in {model.name for model in (await client.list_models()).models}


async def test_a_wrong_template_is_refused_and_nothing_is_made(server: ModelServer) -> None:
    with pytest.raises(InvalidRequest, match="template error"):
        await client.change_model(ModelChange(name="wrong", base="known", template="{{ if }"))
    with pytest.raises(ModelNotFound):
        await client.model_contents("wrong")


async def test_a_model_is_loaded_and_kept_as_the_settings_say() -> None:
    settings = LoadSettings(num_ctx=512, num_parallel=2, num_thread=1)
    fit = await client.forecast("loaded", settings)
    await client.load_with("loaded", settings)
    await client.keep_settings("loaded", settings)

    (runner,) = await client.runners()
    await client.unload("loaded")

    assert (fit.planned.context_length, fit.planned.n_slots, fit.fits) == (512, 2, True)
    assert (runner.name, runner.context_length, runner.n_slots) == ("loaded:latest", 512, 2)
    assert (await client.model_contents("loaded")).kept == settings
    await client.keep_settings("loaded", LoadSettings())
    assert (await client.model_contents("loaded")).kept == LoadSettings()
