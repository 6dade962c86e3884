"""Presets as answerers: what their model is sent, what they draw on, and when they are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inference import catalog
from rag.models import Document, Knowledge
from rag.services import knowledge as knowledge_service
from tests.chats.pages import Event, Page
from tests.chats.test_documents_in_answers import offer_chat_models
from tests.doubles.embedder import FakeEmbedder
from tests.doubles.upstream import FakeModel, Upstream
from tests.factories import make_chat, make_knowledge, make_message, make_preset
from webui.accounts.models import User
from webui.chats import intake
from webui.chats.models import Chat, Message
from webui.chats.relay.protocol import MessageSent
from webui.presets import services
from webui.presets.ids import preset_id
from webui.presets.levels import model_level
from webui.presets.models import ModelPreset

Ingest = Callable[..., Document]
TEXT = "The lighthouse of Sandhagen was built in 1902. Its keeper was Ole Brandt. Bread is baked on Fridays."
QUESTION = "When was the lighthouse of Sandhagen built?"
OPTIONS = {"temperature": 0.2, "seed": 7, "stop": ["\n\n"], "num_ctx": 2048, "think": False, "keep_alive": 60}


@pytest.fixture
def preset(alice: User, bob: User) -> ModelPreset:
    return make_preset(owner=alice, readers=[bob], system_prompt="Answer as a harbour master.", options=OPTIONS)


@pytest.fixture
def bob_page(bob_client: Client) -> Page:
    return Page(bob_client)


async def ask(page: Page, preset: ModelPreset, content: str = "Hello?", **fields: Any) -> Event:
    await page.send(content, model=preset_id(preset.uuid), **fields)
    ended = await page.until_one_of("generation.ended", "request.refused")
    assert ended["type"] == "generation.ended", ended
    return ended


async def refused(page: Page) -> str:
    return str((await page.until("request.refused"))["text"])


# ---- what is sent ----------------------------------------------------------------------------------


async def test_its_model_is_sent_its_words_and_exactly_its_options(
    site: Upstream, preset: ModelPreset, alice_page: Page
) -> None:
    async with alice_page as page:
        ended = await ask(page, preset)

    body = site.last("/api/chat").body
    assert body["model"] == "tiny:latest"
    assert body["messages"] == [
        {"role": "system", "content": "Answer as a harbour master."},
        {"role": "user", "content": "Hello?"},
    ]
    assert body["options"] == {"temperature": 0.2, "seed": 7, "stop": ["\n\n"], "num_ctx": 2048}
    assert (body["think"], body["keep_alive"]) == (False, "60s")
    assert "Harbour master" in ended["html"]
    assert "tiny:latest" in ended["html"]


async def test_what_is_unset_is_not_sent(site: Upstream, alice: User, alice_page: Page) -> None:
    bare = await database_sync_to_async(make_preset)(owner=alice, system_prompt="")
    async with alice_page as page:
        await ask(page, bare)

    body = site.last("/api/chat").body
    assert body["options"] == {}
    assert "think" not in body
    assert "keep_alive" not in body
    assert [message["role"] for message in body["messages"]] == ["user"]


async def test_the_preview_is_what_is_sent(
    site: Upstream, preset: ModelPreset, alice_page: Page, alice_client: Client
) -> None:
    async with alice_page as page:
        await ask(page, preset, "…")
    shown = await database_sync_to_async(alice_client.get)(reverse("presets:preset", args=[preset.uuid]))

    assert json.loads(shown.context["page"].body) == site.last("/api/chat").body


async def test_the_window_that_was_set_is_what_the_prompt_has_to_fit(
    site: Upstream, alice: User, alice_page: Page
) -> None:
    small = await database_sync_to_async(make_preset)(owner=alice, options={"num_ctx": 256})
    chat = await database_sync_to_async(make_chat)(owner=alice, messages=8)
    await chat.messages.filter(role="assistant").aupdate(content="word " * 200)
    async with alice_page as page:
        ended = await ask(page, small, chat=str(chat.uuid))

    stored = await Message.objects.select_related("generation").aget(uuid=ended["message"])
    assert stored.generation.ledger["context_tokens"] == 256
    assert stored.generation.ledger["dropped"]


async def test_its_examples_go_before_the_chat(site: Upstream, alice: User, alice_page: Page) -> None:
    rest = [["MESSAGE", "user", "Who are you?"], ["MESSAGE", "assistant", "Me."], ["MESSAGE", "system", "Be brief."]]
    preset = await database_sync_to_async(make_preset)(owner=alice, modelfile_rest=rest)

    async with alice_page as page:
        await ask(page, preset)

    sent = [(message["role"], message["content"]) for message in site.last("/api/chat").body["messages"]]
    assert sent[:3] == [
        ("system", "You are Harbour master.\n\nBe brief."), ("user", "Who are you?"), ("assistant", "Me."),
    ]  # fmt: skip
    assert sent[3][0] == "user"


async def test_the_chat_remembers_the_preset_and_the_answer_its_name(
    site: Upstream, preset: ModelPreset, alice_page: Page, alice_client: Client
) -> None:
    async with alice_page as page:
        ended = await ask(page, preset)
    chat = await Chat.objects.aget(uuid=ended["chat"])
    answer = await Message.objects.aget(uuid=ended["message"])
    assert chat.model == preset_id(preset.uuid)
    assert (answer.model, answer.preset_name) == ("tiny:latest", "Harbour master")

    shown = await database_sync_to_async(alice_client.get)(reverse("chats:chat", args=[chat.uuid]))

    assert shown.context["page"].selected_model == preset_id(preset.uuid)
    assert shown.context["page"].preset.name == "Harbour master"


async def test_its_words_come_before_the_chats_own(
    site: Upstream, preset: ModelPreset, alice: User, alice_page: Page
) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice)
    await database_sync_to_async(make_message)(chat, role="system", content="Answer in verse.")
    async with alice_page as page:
        await ask(page, preset, chat=str(chat.uuid))

    first = site.last("/api/chat").body["messages"][0]
    assert first == {"role": "system", "content": "Answer as a harbour master.\n\nAnswer in verse."}


# ---- what it draws on ------------------------------------------------------------------------------


@pytest.fixture
def document(ingested: Ingest, alice: User, embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch) -> Document:
    offer_chat_models(embedder, monkeypatch)
    return ingested(alice, TEXT, "harbour.txt")


@pytest.fixture
def knowledge(document: Document, alice: User) -> Knowledge:
    return make_knowledge(document, owner=alice, name="Harbour")


@pytest.fixture
def learned(knowledge: Knowledge, document: Document, alice: User, bob: User) -> ModelPreset:
    return make_preset(owner=alice, readers=[bob], documents=[document], knowledge=[knowledge])


async def test_an_answer_draws_on_its_documents_and_knowledge(
    site: Upstream, learned: ModelPreset, alice_page: Page
) -> None:
    async with alice_page as page:
        ended = await ask(page, learned, QUESTION)

    assert "1902" in site.last("/api/chat").body["messages"][-1]["content"]
    stored = await Message.objects.select_related("generation").aget(uuid=ended["message"])
    assert [passage["name"] for passage in stored.generation.ledger["passages"]] == ["harbour.txt"]


async def test_a_shared_preset_opens_nothing_that_its_user_may_not_read(
    site: Upstream, learned: ModelPreset, knowledge: Knowledge, document: Document, bob_page: Page, bob_client: Client
) -> None:
    async with bob_page as page:
        ended = await ask(page, learned, QUESTION)

    told = str(page.events) + str([request.body for request in site.requests])
    stored = await Message.objects.select_related("generation").aget(uuid=ended["message"])
    told += (
        str(stored.generation.ledger)
        + (
            await database_sync_to_async(bob_client.get)(reverse("presets:preset", args=[learned.uuid]))
        ).content.decode()
    )
    assert ended["state"] == "finished"
    for secret in ("1902", "harbour.txt", str(document.uuid), str(knowledge.uuid), "Not everybody"):
        assert secret not in told
    assert "retrieval" not in stored.generation.ledger


async def test_what_is_shared_and_revoked_counts_at_the_moment_of_the_question(
    site: Upstream, learned: ModelPreset, knowledge: Knowledge, bob: User, bob_page: Page
) -> None:
    def sent() -> str:
        return str(site.last("/api/chat").body["messages"])

    granted = await database_sync_to_async(knowledge_service.grant)(knowledge, user=bob)
    async with bob_page as page:
        first = await ask(page, learned, QUESTION)
        assert "1902" in sent()

        await database_sync_to_async(knowledge_service.revoke)(granted)
        await page.regenerate(first["chat"], first["message"], model=preset_id(learned.uuid))
        await page.until("generation.ended")
        assert "1902" not in sent()


async def test_the_model_itself_in_the_same_chat_has_nothing_of_it(
    site: Upstream, learned: ModelPreset, alice_page: Page
) -> None:
    async with alice_page as page:
        first = await ask(page, learned, QUESTION)
        await page.regenerate(first["chat"], first["message"], model="tiny:latest")
        ended = await page.until("generation.ended")

    body = site.last("/api/chat").body
    assert (body["model"], [message["role"] for message in body["messages"]]) == ("tiny:latest", ["user"])
    assert "Harbour master" not in ended["html"]


def test_a_preset_costs_a_question_two_queries(alice: User, preset: ModelPreset) -> None:
    def ask_all_at_once(model: str) -> int:
        event = MessageSent(type="message.sent", ref=uuid4().hex, content="Hello?", model=model)
        with CaptureQueriesContext(connection) as queries:
            intake.send(alice, event)
        return len(queries)

    model_level("tiny:latest")
    # Which preset it is, and what of its documents and knowledge may be read.
    assert ask_all_at_once(preset_id(preset.uuid)) == ask_all_at_once("tiny:latest") + 2


# ---- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["send", "edit", "regenerate"])
@pytest.mark.parametrize("loss", ["unshared", "deleted", "without its model"])
async def test_a_preset_that_is_lost_is_refused_on_every_way_and_nothing_is_stored(
    site: Upstream, preset: ModelPreset, bob: User, bob_page: Page, way: str, loss: str
) -> None:
    chat = await database_sync_to_async(make_chat)(owner=bob, messages=2)
    question, answer = [str(uuid) async for uuid in chat.messages.order_by("pk").values_list("uuid", flat=True)]
    await database_sync_to_async(lose)(preset, loss, site)

    async with bob_page as page:
        model = preset_id(preset.uuid)
        if way == "send":
            await page.send("Hello?", model=model, chat=str(chat.uuid))
        elif way == "edit":
            await page.edit(str(chat.uuid), question, "Hello?", model=model)
        else:
            await page.regenerate(str(chat.uuid), answer, model=model)
        words = await refused(page)

    if loss == "without its model":
        assert words == (
            "“Harbour master” answers with the model “tiny:latest”, which is not available now. Choose another model."
        )
    else:
        assert "This preset is not here any more" in words
        assert "Harbour" not in words
    assert await Message.objects.acount() == 2


def lose(preset: ModelPreset, loss: str, site: Upstream) -> None:
    if loss == "unshared":
        services.revoke(preset.grants.get())
    elif loss == "deleted":
        services.delete_preset(preset)
    else:
        site.models = [FakeModel(name="large:latest")]
        catalog.forget()


async def test_a_preset_of_an_embedder_is_refused(site: Upstream, alice: User, alice_page: Page) -> None:
    odd = await database_sync_to_async(make_preset)(owner=alice, base_model="embed:latest")
    async with alice_page as page:
        await page.send("Hello?", model=preset_id(odd.uuid))
        assert "not available now" in await refused(page)


async def test_a_preset_that_is_taken_back_between_the_check_and_the_question_is_refused(
    site: Upstream, preset: ModelPreset, bob_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webui.chats import consumers

    check = consumers.check_answerer

    async def check_and_revoke(user: User, answerer: Any, **kwargs: Any) -> None:
        await check(user, answerer, **kwargs)
        await database_sync_to_async(lambda: services.revoke(preset.grants.get()))()

    monkeypatch.setattr(consumers, "check_answerer", check_and_revoke)
    async with bob_page as page:
        await page.send("Hello?", model=preset_id(preset.uuid))
        assert "This preset is not here any more" in await refused(page)

    assert await Message.objects.acount() == 0


# ---- the page of a chat ----------------------------------------------------------------------------


def test_the_picker_offers_what_can_be_asked_now(
    alice: User, bob_client: Client, preset: ModelPreset, model_server: Upstream
) -> None:
    make_preset(owner=alice, name="Private")
    make_preset(owner=alice, name="Away", base_model="gone:latest")

    page = bob_client.get("/").context["page"]

    assert [choice.name for choice in page.presets] == ["Harbour master"]


def test_a_chat_whose_preset_is_lost_says_so_and_names_nothing_of_it(
    bob: User, bob_client: Client, preset: ModelPreset, model_server: Upstream
) -> None:
    chat = make_chat(owner=bob, messages=2, model=preset_id(preset.uuid))
    address = reverse("chats:chat", args=[chat.uuid])
    assert not bob_client.get(address).context["page"].has_lost_preset

    services.revoke(preset.grants.get())

    shown = bob_client.get(address)
    assert shown.context["page"].selected_model == "tiny:latest"
    assert "The preset of this chat is not available now" in shown.content.decode()
    assert "Harbour master" not in shown.content.decode()
    assert "not available now" not in bob_client.get("/").content.decode()


@pytest.mark.parametrize("name", ["chats:new", "chats:welcome"])
def test_an_empty_chat_greets_as_the_preset(
    alice: User, alice_client: Client, model_server: Upstream, name: str
) -> None:
    preset = make_preset(owner=alice, description="Knows every ship", suggestions=["Which ships are in?"])

    response = alice_client.get(reverse(name), {"model": preset_id(preset.uuid)})

    page = response.context["page"]
    assert page.selected_model == preset_id(preset.uuid)
    for words in ("Knows every ship", "Which ships are in?"):
        assert words in response.content.decode()


def test_a_preset_of_somebody_else_is_as_one_that_is_not_there(
    charlie_client: Client, preset: ModelPreset, model_server: Upstream
) -> None:
    told = [
        charlie_client.get(reverse("chats:welcome"), {"model": model}).content
        for model in (preset_id(preset.uuid), "preset://00000000-0000-0000-0000-000000000007", "preset://")
    ]

    assert told[0] == told[1] == told[2]
    assert b"Harbour" not in told[0]


def test_presets_cost_a_page_one_query(
    alice: User, alice_client: Client, model_server: Upstream, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(5):
        make_preset(owner=alice, name=f"Preset {number}")
    alice_client.get("/")

    # Session, person, the chat before, presets, sidebar, connections, and who makes pictures (two).
    with django_assert_max_num_queries(9):
        alice_client.get("/")
