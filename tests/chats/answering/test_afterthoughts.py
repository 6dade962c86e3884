"""What a model is asked once it has answered: after the answer, as its continuation, for nobody who waits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from channels.db import database_sync_to_async
from django.test import Client
from pytest_django import Settings

from inference.types import ChatRequest
from tests.chats.pages import Event, Page
from tests.doubles.upstream import Behaviour, RecordedRequest, Upstream
from tests.factories import make_chat
from webui.accounts.models import User
from webui.chats.answering.afterthoughts import FOLLOW_UPS_TOKENS, Afterthought, Afterthoughts
from webui.chats.answering.registry import registry
from webui.chats.models import Chat, Message
from webui.chats.services import chats
from webui.chats.services.tasks import Task

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]

TITLE = "Give this conversation a title"
FOLLOW_UPS = "Write three short questions"
TAGS = "Name one to three general subjects"
REPLIES = ((TITLE, 'Title: "Warm fires"'), (FOLLOW_UPS, "1. Which wood?\n2. How hot?"), (TAGS, "fire, heat"))


@pytest.fixture
def site(site: Upstream, settings: Settings) -> Upstream:
    settings.HEARTH_PINNED_SETTINGS = {"afterthoughts": "on"}
    site.behaviour = Behaviour(answer="It burns **warm**.", replies=REPLIES)
    return site


def asked(site: Upstream) -> list[RecordedRequest]:
    return [request for request in site.requests if request.path == "/api/chat"]


def question_of(request: RecordedRequest) -> str:
    return str(request.body["messages"][-1]["content"])


def kinds(site: Upstream) -> list[str]:
    known = (TITLE, FOLLOW_UPS, TAGS)
    return [
        next((kind for kind in known if question_of(request).startswith(kind)), "answer") for request in asked(site)
    ]


async def until_all_is_asked() -> None:
    """Wait for the work that was begun at the end of an answer."""
    async with asyncio.timeout(20):
        while registry()._named.get("afterthoughts") is None:
            await asyncio.sleep(0.01)
        await asyncio.wait({registry()._named["afterthoughts"]})


async def the_chat() -> Chat:
    return await database_sync_to_async(Chat.objects.get)()


async def change_person(user: User, **wishes: bool) -> None:
    await database_sync_to_async(User.objects.filter(pk=user.pk).update)(**wishes)


async def test_a_title_and_questions_come_after_the_answer_and_are_kept(site: Upstream, alice_page: Page) -> None:
    async with alice_page as page:
        await page.send("How does it burn?")
        ended = await page.until("generation.ended")
        renamed = await page.until("chat.renamed")
        suggested = await page.until("follow_ups.suggested")

    assert (renamed["chat"], renamed["title"]) == (ended["chat"], "Warm fires")
    assert suggested["message"] == ended["message"]
    assert 'data-suggestion="Which wood?"' in suggested["html"]
    chat = await the_chat()
    assert (chat.title, chat.has_automatic_title) == ("Warm fires", True)
    answer = await database_sync_to_async(Message.objects.get)(role="assistant")
    assert answer.follow_ups == ["Which wood?", "How hot?"]
    assert kinds(site) == ["answer", TITLE, FOLLOW_UPS]


async def test_they_are_asked_as_a_continuation_of_what_the_model_has_read(site: Upstream, alice_page: Page) -> None:
    async with alice_page as page:
        await page.send("How does it burn?")
        await page.until("follow_ups.suggested")
        await page.send("And then?", chat=(await the_chat()).uuid.hex)
        await page.until("follow_ups.suggested")

    answer = {"role": "assistant", "content": "It burns **warm**."}
    bodies = [request.body for request in asked(site)]
    for number, continued in ((1, bodies[1]), (2, bodies[2]), (4, bodies[4])):
        begun = bodies[0] if number < 3 else bodies[3]
        *before, _own = continued["messages"]
        assert json.dumps(before) == json.dumps([*begun["messages"], answer])
        own_options = {name: value for name, value in continued["options"].items() if name != "num_predict"}
        assert own_options == begun.get("options", {})
        assert continued["options"]["num_predict"] <= FOLLOW_UPS_TOKENS
        assert [continued.get(name) for name in ("model", "keep_alive")] == [
            begun.get("model"),
            begun.get("keep_alive"),
        ]
    priorities = [request.headers["hearth-priority"] for request in asked(site)]
    assert priorities[:3] == ["person", "idle", "idle"]
    assert {request.headers["hearth-user"] for request in asked(site)} == {asked(site)[0].headers["hearth-user"]}


async def test_a_question_of_anybody_ends_what_is_asked_and_nothing_is_asked_while_it_is_answered(
    site: Upstream, alice_page: Page, bob_client: Client
) -> None:
    site.behaviour = Behaviour(answer="Warm.", rate=50, replies=((TITLE, "word " * 500), (FOLLOW_UPS, "Why?")))
    async with alice_page as alices, Page(bob_client) as bobs:
        await alices.send("How does it burn?")
        await alices.until("generation.ended")
        await site.wait_until_async(lambda upstream: kinds(upstream) == ["answer", TITLE])
        n_aborted = site.n_aborted

        site.may_end = False
        await bobs.send("And this?")
        await site.wait_until_async(lambda upstream: upstream.n_aborted == n_aborted + 1)
        begun = await bobs.until_one_of("text.added", "tail.changed", "answer.reset")
        assert await alices.hears_nothing_but(within_s=0.3)
        assert kinds(site) == ["answer", TITLE, "answer"]

        site.may_end = True
        ended = await bobs.until("generation.ended")
        await site.wait_until_async(lambda upstream: kinds(upstream) == ["answer", TITLE, "answer", TITLE])

    assert ended["generation"] == begun["generation"]


async def test_what_waits_for_quiet_is_given_up_when_its_chat_goes_on() -> None:
    thoughts = Afterthoughts()
    request = ChatRequest(model="tiny:latest", messages=[])
    waiting = [Afterthought(a_task(chat), request, "Warm.") for chat in ("one", "other")]
    thoughts.hold("third")
    for thought in waiting:
        thoughts.add(thought)

    thoughts.hold("one")

    assert thoughts.waiting == waiting[1:]


def a_task(chat: str) -> Task:
    return Task(
        generation_id=1, generation_uuid="", message_id=1, message_uuid="", chat_uuid=chat, user_id=1, language="",
        model="tiny:latest", turns=[], document_ids=[], question_document_ids=[],
    )  # fmt: skip


async def test_a_title_that_a_person_gave_stays(site: Upstream, alice: User, alice_page: Page) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice, title="", messages=0)
    await database_sync_to_async(chats.rename_chat)(alice, chat.uuid, "Mine")

    async with alice_page as page:
        await page.send("How does it burn?", chat=str(chat.uuid))
        await page.until("follow_ups.suggested")

    assert (await the_chat()).title == "Mine"
    assert TITLE not in kinds(site)


async def test_a_title_that_a_person_gives_meanwhile_stays(site: Upstream, alice: User, alice_page: Page) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice, title="", messages=0)
    site.behaviour = Behaviour(answer="Warm.", rate=20, replies=((TITLE, "Another one"), *REPLIES))

    async with alice_page as page:
        await page.send("How does it burn?", chat=str(chat.uuid))
        await site.wait_until_async(lambda upstream: kinds(upstream)[-1:] == [TITLE])
        await database_sync_to_async(chats.rename_chat)(alice, chat.uuid, "Mine")
        await page.until("follow_ups.suggested")

    assert (await the_chat()).title == "Mine"
    assert "chat.renamed" not in [event["type"] for event in page.events]


async def test_each_person_switches_each_of_them(site: Upstream, alice: User, alice_page: Page) -> None:
    await change_person(alice, wants_titles=False, wants_follow_ups=False, wants_tags=True)

    async with alice_page as page:
        await page.send("How does it burn?")
        await page.until("generation.ended")
        await until_all_is_asked()

    assert kinds(site) == ["answer", TAGS]
    chat = await the_chat()
    assert chat.title == "How does it burn?"
    assert [tag.name async for tag in chat.tags.order_by("name")] == ["fire", "heat"]


async def test_known_tags_are_offered_and_none_are_put_beside_a_persons(
    site: Upstream, alice: User, alice_page: Page
) -> None:
    await change_person(alice, wants_tags=True)
    async with alice_page as page:
        await page.send("How does it burn?")
        await page.until("follow_ups.suggested")
        await until_all_is_asked()
        await page.send("How does it burn?")
        await page.until("follow_ups.suggested")
        await until_all_is_asked()
        chat = await database_sync_to_async(Chat.objects.order_by("id").first)()
        await page.send("And then?", chat=str(chat.uuid))
        await page.until("follow_ups.suggested")
        await until_all_is_asked()

    assert [question_of(request) for request in asked(site) if question_of(request).startswith(TAGS)][1].endswith(
        "Use these where they fit: heat, fire."
    )
    assert kinds(site).count(TAGS) == 2


@pytest.mark.parametrize("why", ["switched off", "temporary", "no room", "failed", "stopped", "quotes"])
async def test_nothing_is_asked(site: Upstream, alice: User, alice_page: Page, settings: Settings, why: str) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice, title="", messages=0)
    if why == "switched off":
        settings.HEARTH_PINNED_SETTINGS = {"afterthoughts": "off"}
    if why == "temporary":
        await database_sync_to_async(Chat.objects.update)(temporary_until="2100-01-01T00:00Z")
    if why == "no room":
        await database_sync_to_async(Chat.objects.update)(options={"num_ctx": 300})
    words = {"failed": "x @fake fault=drop at=1", "stopped": "x @fake tokens=300 rate=50"}.get(why, "How does it burn?")
    if why in {"failed", "stopped"}:
        site.behaviour = Behaviour(replies=REPLIES)
    n_before = len(asked(site))

    async with alice_page as page:
        await page.send(words, chat=str(chat.uuid), model="quotes" if why == "quotes" else "tiny:latest")
        if why == "stopped":
            await page.stop(await page.until_one_of("text.added", "tail.changed", "answer.reset"))
        await page.until("generation.ended")
        if "afterthoughts" in registry()._named:
            await until_all_is_asked()

    assert kinds(site)[n_before:] == ([] if why == "quotes" else ["answer"])


async def test_what_cannot_be_read_or_fails_changes_nothing(site: Upstream, alice_page: Page) -> None:
    site.behaviour = Behaviour(answer="Warm.", replies=((TITLE, "<think>Hm"), (FOLLOW_UPS, "No."), (TAGS, "")))

    async with alice_page as page:
        await page.send("How does it burn?")
        await page.until("generation.ended")
        await until_all_is_asked()
        assert await page.hears_nothing_but()

    assert (await the_chat()).title == "How does it burn?"


async def test_others_hear_nothing_of_it(
    site: Upstream, alice_page: Page, page_of: Callable[[User], Page], charlie_page: Page
) -> None:
    async with charlie_page as charlies, alice_page as alices:
        await alices.send("How does it burn?")
        ended: Event = await alices.until("generation.ended")
        await charlies.open(ended["chat"])
        refused = await charlies.until("request.refused")
        await alices.until("follow_ups.suggested")
        assert await charlies.hears_nothing_but()

    assert refused["code"] == "not_found"
