"""What a crash or an orderly end of the process leaves of running answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from channels.db import database_sync_to_async
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from pytest import MonkeyPatch
from pytest_django import Settings

from tests.chats.pages import Page
from tests.doubles.upstream import Behaviour, Upstream
from tests.factories import make_answer, make_chat
from webui.accounts.models import User
from webui.chats import background, intake
from webui.chats.answering import journal, orchestration
from webui.chats.answering.live import LiveAnswer
from webui.chats.answering.registry import registry
from webui.chats.models import Generation, Message
from webui.chats.relay.protocol import MessageSent

SLOW = Behaviour(tokens=400, rate=100)


async def test_text_is_in_the_database_while_it_is_written(site: Upstream, alice_page: Page) -> None:
    site.behaviour = SLOW

    async with alice_page as page:
        await page.send("How?")
        await page.until("text.added")

        await until(has_journalled_text)
        assert (await the_answer()).generation.state == Generation.State.RUNNING


async def test_a_killed_process_leaves_text_that_is_marked_interrupted(
    site: Upstream, alice_client: Client, monkeypatch: MonkeyPatch
) -> None:
    site.behaviour = SLOW
    async with Page(alice_client) as page:
        await page.send("How?")
        await page.until("text.added")
        await until(has_journalled_text)
        await kill_hard(monkeypatch)
    left = (await the_answer()).content

    await restart(monkeypatch)

    answer = await the_answer()
    assert answer.generation.state == Generation.State.INTERRUPTED
    assert answer.generation.error_code == "interrupted"
    assert answer.content == left != ""


async def test_after_a_crash_the_question_can_be_asked_again(
    site: Upstream, alice_client: Client, monkeypatch: MonkeyPatch
) -> None:
    site.behaviour = SLOW
    async with Page(alice_client) as page:
        await page.send("How?")
        running = await page.until("text.added")
        await kill_hard(monkeypatch)
    await restart(monkeypatch)
    site.behaviour = Behaviour(answer="Warm.")

    async with Page(alice_client) as page:
        await page.regenerate(running["chat"], running["message"])
        ended = await page.until("generation.ended")

    assert ended["state"] == "finished"


async def test_a_page_that_comes_back_after_a_crash_hears_of_it(
    site: Upstream, alice_client: Client, monkeypatch: MonkeyPatch
) -> None:
    site.behaviour = SLOW
    async with Page(alice_client) as page:
        await page.send("How?")
        running = await page.until("text.added")
        await kill_hard(monkeypatch)
    await restart(monkeypatch)

    async with Page(alice_client) as page:
        await page.open(running["chat"], {running["generation"]: running["seq"]})
        ended = await page.until("generation.ended")

    assert ended["state"] == "interrupted"
    assert ended["seq"] > running["seq"]


async def test_an_orderly_end_stores_the_text_as_interrupted(site: Upstream, alice_page: Page) -> None:
    site.behaviour = SLOW

    async with alice_page as page:
        await page.send("How?")
        await page.until("text.added")
        await background.end_answers()

    answer = await the_answer()
    assert answer.generation.state == Generation.State.INTERRUPTED
    assert answer.content
    await site.wait_until_async(lambda upstream: upstream.n_active == 0)


async def test_a_restart_leaves_alone_what_began_since(site: Upstream, alice_page: Page) -> None:
    site.behaviour = SLOW

    async with alice_page as page:
        await page.send("How?")
        await page.until("text.added")
        await database_sync_to_async(background.recover)()

        assert (await the_answer()).generation.is_active


async def test_several_processes_leave_alone_what_others_run(site: Upstream, alice: User, settings: Settings) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}}
    alive = await database_sync_to_async(running_generation)(alice)
    dead = await database_sync_to_async(running_generation)(alice, timezone.now() - timedelta(minutes=5))

    await database_sync_to_async(background.recover)()

    states = await database_sync_to_async(lambda: dict(Generation.objects.values_list("pk", "state")))()
    assert states == {alive: "running", dead: "interrupted"}


async def test_a_database_that_is_busy_ends_no_answer(site: Upstream, alice: User, monkeypatch: MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseError("database is locked")

    sent = MessageSent(type="message.sent", ref="r1", content="How?", model="tiny:latest")
    task = (await database_sync_to_async(intake.send)(alice, sent)).task
    assert task is not None
    answer = LiveAnswer(task)
    answer.add_text("warm")
    answers = {task.generation_uuid: answer}

    with monkeypatch.context() as patch:
        patch.setattr(journal, "write_journal", refuse)
        await journal.write_once(answers)
    await journal.write_once(answers)

    assert (await the_answer()).content == "warm"


# ---- helpers ---------------------------------------------------------------------------------------


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 5) -> None:
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(0.02)


@database_sync_to_async
def the_answer() -> Message:
    return Message.objects.select_related("generation").get(role="assistant")


async def has_journalled_text() -> bool:
    return bool((await the_answer()).content)


async def kill_hard(monkeypatch: MonkeyPatch) -> None:
    """End all that runs without a last word to the database, as kill -9 does."""

    async def say_nothing(*_: object) -> None:
        return

    with monkeypatch.context() as patch:
        patch.setattr(orchestration, "end_answer", say_nothing)
        await registry().aclose()


async def restart(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PROCESS_STARTED", timezone.now())
    await database_sync_to_async(background.recover)()


def running_generation(owner: User, heartbeat_at: datetime | None = None) -> int:
    chat = make_chat(owner=owner, messages=1)
    answer = make_answer(chat, state="running", heartbeat_at=heartbeat_at or timezone.now())
    return answer.generation.pk
