"""What a model's server is sent of the options that are set for a model, by a person, in a preset and in a chat."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any, Literal

import pytest
import pytest_asyncio
from channels.db import database_sync_to_async
from django.test import Client
from pytest_django import Settings

from inference import catalog
from inference import client as inference_client
from tests.chats.pages import Page
from tests.doubles.upstream import Upstream
from tests.factories import make_answer, make_chat, make_message, make_preset
from webui.accounts.models import User
from webui.chats.answering.registry import registry
from webui.chats.models import Chat
from webui.presets.ids import preset_id
from webui.presets.services import set_model_defaults, set_own_defaults

NOBODY = "http://127.0.0.1:9"
SCHEMA = {"type": "object", "properties": {"year": {"type": "integer"}}}
OPTIONS: dict[str, Any] = {
    "temperature": 0.2, "top_p": 0.9, "top_k": 20, "min_p": 0.05, "seed": 7, "stop": ["END"], "num_ctx": 4096,
    "num_predict": 300, "repeat_penalty": 1.1, "presence_penalty": -0.5, "frequency_penalty": 0.5, "think": "low",
    "keep_alive": 60, "format": SCHEMA,
}  # fmt: skip
BESIDE = ("think", "keep_alive", "format")
AT_OLLAMA = {
    "options": {name: value for name, value in OPTIONS.items() if name not in BESIDE},
    "think": "low", "keep_alive": "60s", "format": SCHEMA,
}  # fmt: skip
AT_OPENAI = {
    "temperature": 0.2, "top_p": 0.9, "seed": 7, "stop": ["END"], "max_tokens": 300, "presence_penalty": -0.5,
    "frequency_penalty": 0.5, "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}},
}  # fmt: skip
BARE = {"model", "messages", "stream", "stream_options"}
Level = Literal["model", "person", "preset", "chat"]


@pytest_asyncio.fixture(params=["ollama", "openai"])
async def connected(
    request: pytest.FixtureRequest, transactional_db: None, upstream: Upstream, settings: Settings
) -> AsyncIterator[tuple[str, Upstream]]:
    """A site whose only models are behind a connection of each kind in turn."""
    settings.HEARTH_INFERENCE_URL = NOBODY
    settings.OLLAMA_BASE_URLS = [upstream.url] if request.param == "ollama" else []
    settings.OPENAI_API_BASE_URLS = [f"{upstream.url}/v1"] if request.param == "openai" else []
    catalog.forget()
    yield request.param, upstream
    await registry().aclose()
    await inference_client.aclose()


def sent(kind: str, upstream: Upstream) -> dict[str, Any]:
    """Return what was sent beside the messages."""
    body = upstream.last("/api/chat" if kind == "ollama" else "/v1/chat/completions").body
    return {name: value for name, value in body.items() if name not in BARE}


def say(level: Level, alice: User, root: User, *, system_prompt: str = "", **options: Any) -> dict[str, Any]:
    """Say something at one level; return the fields of a question that is to be asked so."""
    match level:
        case "model":
            set_model_defaults("tiny:latest", system_prompt=system_prompt, options=options, by=root)
        case "person":
            set_own_defaults(alice, system_prompt=system_prompt, options=options)
        case "preset":
            preset = make_preset(owner=alice, system_prompt=system_prompt, options=options)
            return {"model": preset_id(preset.uuid)}
        case "chat":
            return {"chat": str(make_chat(owner=alice, system_prompt=system_prompt, options=options).uuid)}
    return {}


async def ask(page: Page, **fields: Any) -> None:
    await page.send("Hello?", **fields)
    ended = await page.until_one_of("generation.ended", "request.refused")
    assert ended["type"] == "generation.ended", ended


@pytest.mark.parametrize("level", ["model", "person", "preset", "chat"])
async def test_every_option_is_sent_from_every_level(
    connected: tuple[str, Upstream], level: Level, alice: User, root: User, alice_page: Page
) -> None:
    kind, upstream = connected
    fields = await database_sync_to_async(say)(level, alice, root, **OPTIONS)

    async with alice_page as page:
        await ask(page, **fields)

    assert sent(kind, upstream) == (AT_OLLAMA if kind == "ollama" else AT_OPENAI)


async def test_what_is_unset_is_not_sent_but_for_the_window_of_an_ollama(
    connected: tuple[str, Upstream], alice_page: Page, settings: Settings
) -> None:
    kind, upstream = connected
    settings.HEARTH_CONTEXT_TOKENS = 6000
    async with alice_page as page:
        await ask(page)

    # Its own default is small, and it cuts longer prompts without a word.
    assert sent(kind, upstream) == ({"options": {"num_ctx": 6000}} if kind == "ollama" else {})


async def test_the_most_special_level_has_the_last_word_and_all_words_are_told(
    site: Upstream, alice: User, root: User, alice_page: Page
) -> None:
    def arrange() -> dict[str, Any]:
        say("model", alice, root, system_prompt="For all.", seed=1, top_k=1, top_p=0.1, min_p=0.1)
        say("person", alice, root, system_prompt="For Alice.", seed=2, top_k=2, top_p=0.2)
        preset = say("preset", alice, root, system_prompt="As a preset.", seed=3, top_k=3)
        return preset | say("chat", alice, root, system_prompt="In this chat.", seed=4)

    fields = await database_sync_to_async(arrange)()
    async with alice_page as page:
        await ask(page, **fields)

    body = site.last("/api/chat").body
    assert body["options"] == {"seed": 4, "top_k": 3, "top_p": 0.2, "min_p": 0.1}
    assert body["messages"][0] == {
        "role": "system", "content": "For all.\n\nFor Alice.\n\nAs a preset.\n\nIn this chat.",
    }  # fmt: skip


@pytest.mark.parametrize("level", ["person", "preset", "chat"])
async def test_what_a_level_takes_back_is_not_sent(
    connected: tuple[str, Upstream], level: Level, alice: User, root: User, alice_page: Page, settings: Settings
) -> None:
    kind, upstream = connected
    settings.HEARTH_CONTEXT_TOKENS = 6000

    def arrange() -> dict[str, Any]:
        say("model", alice, root, **OPTIONS)
        return say(level, alice, root, **dict.fromkeys(OPTIONS))

    fields = await database_sync_to_async(arrange)()
    async with alice_page as page:
        await ask(page, **fields)

    assert sent(kind, upstream) == ({"options": {"num_ctx": 6000}} if kind == "ollama" else {})


@pytest.mark.parametrize(("options", "is_shown_so"), [({"format": "json"}, True), ({}, False)])
def test_json_that_was_asked_for_is_shown_one_value_a_line_and_copied_as_it_came(
    alice: User, alice_client: Client, options: dict[str, Any], is_shown_so: bool
) -> None:
    chat = make_chat(owner=alice, messages=1)
    answer = make_answer(chat, content='{"name":"<b>Ida</b>","year":1902}', ledger={"options": options})

    page = alice_client.get(f"/chats/{chat.uuid}/messages/{answer.uuid}/").content.decode()

    shown, copied = page.split("<template data-text>")
    code = '{\n  "name": "<b>Ida</b>",\n  "year": 1902\n}'
    assert (code in unescape(re.sub("<[^>]+>", "", shown))) == is_shown_so
    assert '{"name":"<b>Ida</b>","year":1902}' in unescape(copied)


async def test_what_one_person_sets_is_no_other_persons(
    site: Upstream, alice: User, root: User, charlie_page: Page
) -> None:
    await database_sync_to_async(say)("person", alice, root, system_prompt="For Alice.", seed=2)
    async with charlie_page as page:
        await ask(page)

    body = site.last("/api/chat").body
    assert body["options"] == {}
    assert [message["role"] for message in body["messages"]] == ["user"]


async def test_a_wish_for_json_is_sent_as_the_word(site: Upstream, alice: User, root: User, alice_page: Page) -> None:
    fields = await database_sync_to_async(say)("chat", alice, root, format="json")
    async with alice_page as page:
        await ask(page, **fields)

    assert site.last("/api/chat").body["format"] == "json"


# ---- the model has no memory: what it is to know is sent each time ------------------------------------


async def test_after_a_restart_the_next_question_brings_what_was_said_before(
    site: Upstream, alice_client: Client
) -> None:
    async with Page(alice_client) as page:
        await page.send("My name is Ole.")
        first = await page.until("generation.ended")
    await registry().aclose()
    await inference_client.aclose()
    async with Page(alice_client) as page:
        await page.send("What is my name?", chat=first["chat"])
        await page.until("generation.ended")

    messages = site.last("/api/chat").body["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[0]["content"] == "My name is Ole."


async def test_two_chats_never_mix(site: Upstream, alice: User, alice_page: Page) -> None:
    other = await database_sync_to_async(make_chat)(owner=alice)
    await database_sync_to_async(make_message)(other, content="The secret is 42.")
    async with alice_page as page:
        await page.send("My name is Ole.")
        await page.until("generation.ended")

    assert "42" not in str(site.last("/api/chat").body)
    assert await Chat.objects.acount() == 2
