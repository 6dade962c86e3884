"""The context ledger: what an answer remembers of what was sent for it, and how people see it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.test import Client
from django.urls import reverse

from tests.chats.pages import Page
from tests.doubles.upstream import Behaviour, Upstream
from tests.factories import make_answer, make_chat, make_document, make_message
from webui.accounts.models import User
from webui.chats.models import Chat, Generation, Message


def a_ledger(**changes: Any) -> dict[str, Any]:
    return {
        "context_tokens": 1000, "estimated_tokens": 300, "least_tokens": 200, "server": "gpu-box", "sent": [],
        "dropped": [], "passages": [], "passages_without_room": 0, "cleared": 0, "options": {},
    } | changes  # fmt: skip


def an_answer(owner: User, *, ledger: dict[str, Any] | None = None, **fields: Any) -> Message:
    chat = make_chat(owner=owner, messages=1)
    return make_answer(chat, ledger=a_ledger(**(ledger or {})), **fields)


def ledger_url(answer: Message) -> str:
    return reverse("chats:ledger", args=[answer.chat.uuid, answer.uuid])


def panel(client: Client, answer: Message) -> str:
    response = client.get(ledger_url(answer))
    assert response.status_code == 200
    return response.content.decode()


def page_of(client: Client, chat: Chat) -> str:
    return client.get(reverse("chats:chat", args=[chat.uuid])).content.decode()


async def stored(event: dict[str, Any]) -> Message:
    return await Message.objects.select_related("generation", "chat").aget(uuid=event["message"])


async def ask(page: Page, content: str = "Hello?", **fields: Any) -> Message:
    await page.send(content, **fields)
    return await stored(await page.until("generation.ended"))


# ---- what is kept ----------------------------------------------------------------------------------


async def test_an_answer_keeps_what_was_sent_for_it(site: Upstream, alice: User, alice_page: Page) -> None:
    chat = await database_sync_to_async(make_chat)(
        owner=alice, messages=2, system_prompt="In verse.", options={"seed": 7, "think": False, "format": "json"}
    )
    async with alice_page as page:
        answer = await ask(page, "And why?", chat=str(chat.uuid))

    ledger = answer.generation.ledger
    assert [entry["role"] for entry in ledger["sent"]] == ["system", "user", "assistant", "user"]
    assert ledger["options"] == {"seed": 7, "think": False, "format": "json"}
    assert [given["source"] for given in ledger["briefings"]] == ["chat"]
    assert ledger["server"] == "Built-in"
    assert ledger["estimated_tokens"] >= ledger["least_tokens"] > 5


async def test_a_model_that_thinks_has_its_time_on_record(
    site: Upstream, alice_page: Page, alice_client: Client
) -> None:
    site.behaviour = Behaviour(mode="think", rate=20)
    async with alice_page as page:
        answer = await ask(page)

    assert 0.04 < answer.generation.timings["thinking_s"] < 5
    html = await database_sync_to_async(page_of)(alice_client, answer.chat)
    assert re.search(r"<summary>Thought for (a moment|\d s)</summary>", html)


async def test_a_model_that_does_not_think_has_none(site: Upstream, alice_page: Page) -> None:
    async with alice_page as page:
        answer = await ask(page)

    assert "thinking_s" not in answer.generation.timings


# ---- what is said at the answer --------------------------------------------------------------------


async def test_a_server_that_cuts_silently_is_named_at_the_answer(site: Upstream, alice_page: Page) -> None:
    site.behaviour = Behaviour(window=10)
    async with alice_page as page:
        await page.send("word " * 50)
        ended = await page.until("generation.ended")

    assert "Built-in has read 10 tokens of at least 50 that were sent" in ended["html"]


async def test_a_server_that_reads_everything_is_not_suspected(site: Upstream, alice_page: Page) -> None:
    async with alice_page as page:
        await page.send("word " * 50)
        ended = await page.until("generation.ended")

    assert "message__remarks" not in ended["html"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("ledger", "sentence"),
    [
        ({"dropped": [{"message": None, "role": "user", "tokens": 5}] * 2}, "2 earlier messages were left out"),
        ({"passages_without_room": 1}, "1 passage that was found had no room"),
        ({"estimated_tokens": 1200}, "about 1,200 tokens, more than the context window of 1,000"),
    ],
)
def test_what_had_no_room_is_told_at_the_answer(
    alice: User, alice_client: Client, model_server: Upstream, ledger: dict[str, Any], sentence: str
) -> None:
    answer = an_answer(alice, ledger=ledger)

    html = page_of(alice_client, answer.chat)

    assert sentence in html
    assert html.count("message__remarks") == 1
    assert ledger_url(answer) in html


# ---- the gauge -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_answer_tells_the_gauge_how_full_the_window_is(
    alice: User, alice_client: Client, model_server: Upstream
) -> None:
    counted = an_answer(alice, content="x" * 40, prompt_tokens=450, answer_tokens=200)
    estimated = an_answer(alice, content="x" * 40)

    # The answer counts with what of it is sent again, without the thoughts before it.
    assert 'data-window-used="460" data-window-size="1000"' in page_of(alice_client, counted.chat)
    assert "Context window: 460 of 1,000 tokens used, 46 %" in page_of(alice_client, counted.chat)
    assert 'data-window-used="310"' in page_of(alice_client, estimated.chat)


@pytest.mark.django_db
def test_where_the_size_of_the_window_is_unknown_there_is_no_gauge(
    alice: User, alice_client: Client, model_server: Upstream
) -> None:
    answer = an_answer(alice, ledger={"context_tokens": None})

    assert "data-window" not in page_of(alice_client, answer.chat)


# ---- the panel -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_panel_lists_what_was_sent_and_what_was_not(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice, messages=2)
    old, _ = chat.messages.order_by("pk")
    question = make_message(chat, content="And <b>why</b>?")
    document = make_document(owner=alice, name="harbour.txt")
    sent = [
        {"message": None, "role": "system", "tokens": 9},
        {"message": str(question.uuid), "role": "user", "tokens": 12},
    ]
    briefings = [
        {"source": "person", "name": "", "tokens": 3},
        {"source": "folder", "name": "Voyage", "tokens": 0},
    ]
    passage = {"number": 1, "document": str(document.uuid), "name": "harbour.txt", "place": "page 3", "tokens": 40}
    ledger = a_ledger(
        sent=sent,
        dropped=[{"message": str(old.uuid), "role": "user", "tokens": 5, "reason": "context_full"}],
        cleared=4,
        briefings=briefings,
        passages=[passage],
        options={"temperature": 0.2},
    )
    answer = make_answer(chat, prompt_tokens=280, ledger=ledger)

    html = panel(alice_client, answer)

    for words in (
        "about 300 tokens", "280 tokens", "1,000 tokens", "And &lt;b&gt;why&lt;/b&gt;?", "question 1",
        "4 messages before the point where the context was cleared", "[1] harbour.txt", "page 3", "Your settings",
        "Temperature", "0.2",
    ):  # fmt: skip
        assert words in html, words
    assert "Voyage" not in html


@pytest.mark.django_db
def test_the_panel_costs_two_queries_however_long_the_chat(
    alice: User, alice_client: Client, django_assert_max_num_queries: Any
) -> None:
    chat = make_chat(owner=alice, messages=40)
    entries = [{"message": str(m.uuid), "role": m.role, "tokens": 5} for m in chat.messages.all()]
    documents = [make_document(owner=alice, name=f"{n}.txt") for n in range(5)]
    passages = [
        {"number": n, "document": str(d.uuid), "name": d.name, "place": "", "tokens": 4}
        for n, d in enumerate(documents, 1)
    ]
    answer = make_answer(chat, ledger=a_ledger(sent=entries, passages=passages))

    # Session, person, chat, message, generation; messages and documents.
    with django_assert_max_num_queries(7):
        panel(alice_client, answer)


@pytest.mark.django_db
def test_a_document_that_may_not_be_read_any_more_has_no_name(alice: User, bob: User, alice_client: Client) -> None:
    secret = make_document(owner=bob, name="secret.txt")
    entry = {"number": 1, "document": str(secret.uuid), "name": "secret.txt", "place": "The vault", "tokens": 40}
    answer = an_answer(alice, ledger={"passages": [entry]})

    html = panel(alice_client, answer)

    assert "[1] Not available to you" in html
    assert "secret.txt" not in html
    assert "vault" not in html


@pytest.mark.django_db
def test_charlie_sees_no_ledger_and_what_has_none_shows_none(
    alice: User, alice_client: Client, charlie_client: Client
) -> None:
    answer = an_answer(alice)
    bare = make_answer(answer.chat)
    running = make_answer(answer.chat, ledger=a_ledger(), state=Generation.State.RUNNING)

    assert charlie_client.get(ledger_url(answer)).status_code == 404
    assert alice_client.get(ledger_url(bare)).status_code == 404
    assert alice_client.get(ledger_url(running)).status_code == 404
