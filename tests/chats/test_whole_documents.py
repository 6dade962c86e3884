"""Whole documents in answers of real llama.cpp behind the real model server; only the embedder is a double."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from channels.db import database_sync_to_async
from django.test import Client
from pytest_django import Settings

from inference import catalog, client
from inference.types import ModelInfo
from rag.models import Document, Knowledge
from rag.services import knowledge as knowledge_service
from tests.chats.pages import Event, Page
from tests.doubles import gguf_files
from tests.doubles.embedder import FakeEmbedder
from tests.doubles.model_server import ModelServer
from tests.factories import make_knowledge
from webui.accounts.models import User
from webui.chats.answering.registry import registry
from webui.chats.models import Generation

Ingest = Callable[..., Document]

ANSWER = "Its subject is plain [1]."
WORDS = " the keeper of lighthouse writes that lamp burned for nights before oil was brought"
ENGLISH = "\n".join(f"{WORDS[1:].capitalize()} to tower {n}." for n in range(120))
CHINESE = "\n".join(f"看守人写道灯塔的灯在油运到之前亮了{n}个夜晚。" for n in range(120))
LEARNT = [
    *(f" {word}" for word in WORDS.split()),
    " to",
    " tower",
    *sorted(set("看守人写道灯塔的在油运到之前亮了个夜晚。")),
]
QUESTION = "Sum this up, please."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """A model server with one model: 8192 tokens of context, and words and Chinese characters of one token each."""
    folder = tmp_path_factory.mktemp("whole")
    shape = gguf_files.Shape(context=8192)
    gguf_files.build_scripted(folder / "data" / "models" / "reader.gguf", ANSWER, shape=shape, learnt=LEARNT)
    gguf_files.build_scripted(
        folder / "data" / "models" / "narrow.gguf", ANSWER, shape=gguf_files.Shape(context=2048), learnt=LEARNT
    )
    with ModelServer(folder / "data") as running:
        # A page does not wait long enough for a model to be loaded on a busy machine.
        running.http.post("/api/generate", json={"model": "reader", "options": {"num_ctx": 8192}})
        yield running


@pytest_asyncio.fixture
async def reading(
    transactional_db: None, server: ModelServer, settings: Settings, embedder: FakeEmbedder,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[None]:  # fmt: skip
    """The chat side of a web process over that server."""
    settings.HEARTH_INFERENCE_URL = server.url
    catalog.forget()

    async def find_model(model: str) -> ModelInfo:
        if model.startswith(("reader", "narrow")):
            return (await catalog.find_offer(model)).model
        return await embedder.find_model(model)

    monkeypatch.setattr(client, "find_model", find_model)
    yield
    await registry().aclose()
    await client.aclose()


@database_sync_to_async
def generation_of(event: Event) -> Generation:
    return Generation.objects.select_related("message").get(message__uuid=event["message"])


async def asked(page: Page, content: str = QUESTION, *, model: str = "reader:latest", **fields: Any) -> Event:
    await page.send(content, model=model, **fields)
    ended = await page.until("generation.ended")
    assert ended["state"] == "finished", ended
    return ended


def cached_tokens(server: ModelServer) -> float:
    """Return of how many tokens of prompts the server has said that it knew them already."""
    found = re.search(r'^hearth_cached_tokens_total\{.*"reader.*\} (\S+)$', server.http.get("/metrics").text, re.M)
    return float(found[1]) if found else 0.0


def read(generation: Generation) -> list[str]:
    return list(dict.fromkeys(entry["name"] for entry in generation.ledger["passages"]))


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["english", "chinese"])
async def test_a_document_is_given_whole_up_to_half_of_the_window_and_searched_beyond(
    reading: None, ingested: Ingest, alice: User, alice_page: Page, settings: Settings, text: str
) -> None:
    document = await database_sync_to_async(ingested)(alice, text, "keepers.txt")
    attached = [str(document.uuid)]
    async with alice_page as page:
        roomy = await generation_of(await asked(page, documents=attached))
        n_tokens = roomy.ledger["retrieval"]["whole_tokens"]
        settings.HEARTH_CONTEXT_TOKENS = 2 * n_tokens
        fitting = await generation_of(await asked(page, documents=attached))
        settings.HEARTH_CONTEXT_TOKENS = 2 * n_tokens - 2
        searched = await generation_of(await asked(page, "Who burned the lamp? 谁亮了灯？", documents=attached))

    assert n_tokens > 1500
    # What the engine counted: all of the text, with a quarter of the window left for the answer.
    assert roomy.prompt_tokens == fitting.prompt_tokens
    assert n_tokens / 2 < fitting.prompt_tokens <= 2 * n_tokens * 3 / 4
    assert fitting.message.content == ANSWER
    given = sum(entry["end"] - entry["start"] for entry in fitting.ledger["passages"])
    assert given > 0.95 * len(text)
    assert fitting.ledger["retrieval"]["room_tokens"] == n_tokens
    assert [entry["outcome"] for entry in searched.ledger["retrieval"]["candidates"]].count("whole") == 0
    assert len(searched.ledger["passages"]) <= 6
    assert (searched.prompt_tokens or 0) < (fitting.prompt_tokens or 0)


async def test_a_model_with_a_small_window_gets_passages_of_the_same_document(
    reading: None, ingested: Ingest, alice: User, alice_page: Page
) -> None:
    document = await database_sync_to_async(ingested)(alice, ENGLISH, "keepers.txt")
    async with alice_page as page:
        ended = await asked(page, "Who burned the lamp?", model="narrow:latest", documents=[str(document.uuid)])
        narrow = await generation_of(ended)

    assert narrow.ledger["retrieval"]["whole_tokens"] == 0
    assert narrow.ledger["retrieval"]["room_tokens"] == 1024


async def test_the_next_question_finds_the_documents_where_they_were_and_the_answer_cites_them(
    reading: None, server: ModelServer, ingested: Ingest, alice: User, alice_page: Page
) -> None:
    document = await database_sync_to_async(ingested)(alice, ENGLISH, "keepers.txt")
    async with alice_page as page:
        first = await asked(page, documents=[str(document.uuid)])
        n_known = cached_tokens(server)
        second = await asked(page, "And in one word?", chat=first["chat"])
        earlier, later = await generation_of(first), await generation_of(second)

    assert earlier.ledger["passages"] == later.ledger["passages"]
    assert 'data-citation="1"' in second["html"]
    # The engine had read the documents, and the conversation, before.
    assert earlier.prompt_tokens is not None
    assert cached_tokens(server) - n_known > 0.98 * earlier.prompt_tokens


async def test_what_is_taken_back_between_two_questions_is_not_given_again(
    reading: None, ingested: Ingest, alice: User, bob: User, bob_client: Client
) -> None:
    def share() -> tuple[Knowledge, Document]:
        shared = [ingested(alice, f"Tower {n} was brought.", f"tower-{n}.txt") for n in (1, 2)]
        return make_knowledge(*shared, owner=alice, readers=[bob]), ingested(bob, "The lamp burned.", "lamp.txt")

    knowledge, own = await database_sync_to_async(share)()
    async with Page(bob_client) as page:
        first = await asked(page, documents=[str(own.uuid)], knowledge=[str(knowledge.uuid)])
        await database_sync_to_async(lambda: knowledge_service.revoke(knowledge.grants.get()))()
        second = await asked(page, "And now?", chat=first["chat"])
        before, after = await generation_of(first), await generation_of(second)

    assert read(before) == ["tower-1.txt", "tower-2.txt", "lamp.txt"]
    assert read(after) == ["lamp.txt"]
    assert after.ledger["retrieval"]["whole_tokens"] < before.ledger["retrieval"]["whole_tokens"]


async def test_an_administrator_can_have_documents_searched_always(
    reading: None, ingested: Ingest, alice: User, alice_page: Page, settings: Settings
) -> None:
    settings.HEARTH_PINNED_SETTINGS = {**settings.HEARTH_PINNED_SETTINGS, "whole_documents": "off"}
    document = await database_sync_to_async(ingested)(alice, "The lamp burned for nights.", "lamp.txt")
    async with alice_page as page:
        ended = await asked(page, "How long burned the lamp?", documents=[str(document.uuid)])
        searched = await generation_of(ended)

    assert searched.ledger["retrieval"]["room_tokens"] == 0
    assert [entry["outcome"] for entry in searched.ledger["retrieval"]["candidates"]] == ["kept"]
