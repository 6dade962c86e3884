"""What is asked after an answer costs the next one nothing: a model reads only the words of a second turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from channels.db import database_sync_to_async
from pytest_django import Settings

from inference import catalog
from inference import client as inference_client
from tests.chats.answering.test_afterthoughts import until_all_is_asked
from tests.chats.pages import Page
from tests.doubles import gguf_files
from tests.doubles.model_server import ModelServer
from webui.chats.answering.registry import registry
from webui.chats.models import Generation

pytestmark = [pytest.mark.model, pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]

QUESTION = "How does it burn, and for how long, when it has dried for two summers?"
SECOND = "And then?"
# The model's tokens are bytes, or larger.
TURN = len(f"<|im_end|>\n<|im_start|>user\n{SECOND}<|im_end|>\n<|im_start|>assistant\n")


@pytest.fixture(scope="module")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    data = tmp_path_factory.mktemp("cache")
    gguf_files.build_scripted(data / "models" / "scripted.gguf", "Which wood burns warm?")
    with ModelServer(data, OLLAMA_NUM_PARALLEL="1", OLLAMA_CONTEXT_LENGTH="4096") as server:
        yield server


@pytest_asyncio.fixture
async def site(transactional_db: None, model_server: ModelServer, settings: Settings) -> AsyncIterator[None]:
    settings.HEARTH_INFERENCE_URL = model_server.url
    catalog.forget()
    yield
    await registry().aclose()
    await inference_client.aclose()


async def generation_of(message: str) -> Generation:
    return await database_sync_to_async(Generation.objects.get)(message__uuid=message)


@pytest.mark.parametrize("afterthoughts", ["on", "off"])
async def test_the_second_question_is_read_alone(
    site: None, alice_page: Page, settings: Settings, afterthoughts: str
) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"afterthoughts": afterthoughts}
    async with alice_page as page:
        await page.send(QUESTION, model="scripted:latest")
        first = await page.until("generation.ended")
        if afterthoughts == "on":
            await page.until("follow_ups.suggested")
            await until_all_is_asked()
        await page.send(SECOND, model="scripted:latest", chat=first["chat"])
        second = await page.until("generation.ended")

    begun, gone_on = await generation_of(first["message"]), await generation_of(second["message"])
    assert begun.prompt_tokens and gone_on.prompt_tokens and gone_on.cached_tokens
    assert gone_on.prompt_tokens - gone_on.cached_tokens <= TURN < begun.prompt_tokens
