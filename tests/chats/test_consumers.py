"""The socket's own part: slow pages and the end of the connection."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import pytest
from django.test import Client

from tests.chats.pages import Page
from tests.chats.relay.test_events import frame
from tests.doubles.upstream import Upstream
from webui.accounts.models import User
from webui.chats import intake
from webui.chats.answering.registry import registry
from webui.chats.consumers import CLOSE_TOO_SLOW, ChatConsumer
from webui.chats.intake import Question
from webui.chats.relay.events import Outbox


class Wire:
    """A connection that takes a frame only when told to, as a slow phone does."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._may_send = asyncio.Semaphore(0)

    async def send(self, text_data: str) -> None:
        await self._may_send.acquire()
        self.sent.append(text_data)

    def let_through(self, n_frames: int) -> None:
        for _ in range(n_frames):
            self._may_send.release()


async def test_a_slow_page_gets_every_block_and_only_the_newest_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer, wire = ChatConsumer(), Wire()
    monkeypatch.setattr(consumer, "send", wire.send)
    writer = asyncio.ensure_future(consumer._write())

    consumer.push(frame("tail.changed", 1, html="first"))
    await asyncio.sleep(0)
    for number in range(100):
        consumer.push(frame("block.finished", 2 * number + 2, html=f"block {number}"))
        consumer.push(frame("tail.changed", 2 * number + 3, html=f"tail {number}"))
    wire.let_through(1000)
    while len(wire.sent) < 102:
        await asyncio.sleep(0)
    writer.cancel()

    assert "first" in wire.sent[0]
    assert [text for text in wire.sent if "tail 9" in text] == [wire.sent[-1]]
    assert sum("block.finished" in text for text in wire.sent) == 100
    assert "tail 99" in wire.sent[-1]


async def test_a_page_that_reads_nothing_is_disconnected(site: Upstream, alice_page: Page) -> None:
    await alice_page.socket.connect()
    while not registry().sockets:
        await asyncio.sleep(0.01)
    (consumer,) = cast(Any, registry().sockets)
    consumer._outbox = Outbox(max_frames=2)

    for seq in range(5):
        consumer.push(frame("block.finished", seq, html="b"))

    assert await alice_page.close_code() == CLOSE_TOO_SLOW


async def test_a_question_is_answered_when_its_connection_ends_while_it_is_stored(
    site: Upstream, alice_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The web server ends what a broken connection still does after some seconds."""
    has_begun, may_go_on = threading.Event(), threading.Event()
    store = intake.send

    def store_slowly(user: User, event: Any) -> Question:
        has_begun.set()
        assert may_go_on.wait(10)
        return store(user, event)

    monkeypatch.setattr(intake, "send", store_slowly)
    await alice_page.socket.connect()
    await alice_page.send("Is anybody there?")
    await asyncio.to_thread(has_begun.wait, 10)

    alice_page.socket.future.cancel()
    await asyncio.wait({alice_page.socket.future})
    may_go_on.set()

    await site.wait_until_async(lambda upstream: upstream.n_finished == 1)


async def test_a_closed_page_leaves_nothing_behind(site: Upstream, alice_client: Client) -> None:
    async with Page(alice_client) as page:
        await page.send("How?")
        await page.until("generation.ended")
        assert len(registry().sockets) == 1

    assert not registry().sockets
    assert not registry()._watchers
    assert not registry().answers
