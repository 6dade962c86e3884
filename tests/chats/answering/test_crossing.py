"""Two web processes side by side: two registries over one channel layer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_asyncio
from channels.layers import InMemoryChannelLayer

from tests.chats.answering.test_live import make_task
from webui.chats.answering import crossing
from webui.chats.answering.crossing import ChannelLayer
from webui.chats.answering.live import LiveAnswer
from webui.chats.answering.registry import Registry
from webui.chats.relay.events import Frame
from webui.chats.relay.protocol import ChatRenamed, ServerEvent
from webui.chats.relay.sockets import CloseCode, Ticket


class FakeSocket:
    """A page that keeps what it is sent."""

    def __init__(self, user_id: int = 3) -> None:
        self.ticket = Ticket(user_id=user_id, session_key="s", session_hash="h")
        self.events: list[ServerEvent] = []
        self._came = asyncio.Event()

    def push(self, frame: Frame) -> None:
        self.events.append(frame.event)
        self._came.set()

    def close_soon(self, code: CloseCode) -> None:
        raise AssertionError(f"closed with {code}")

    async def wait_for(self, n_events: int) -> list[str]:
        async with asyncio.timeout(5):
            while len(self.events) < n_events:
                self._came.clear()
                await self._came.wait()
        return [event["type"] for event in self.events]


@pytest_asyncio.fixture
async def processes() -> AsyncIterator[tuple[Registry, Registry]]:
    layer = cast(ChannelLayer, InMemoryChannelLayer())
    loop = asyncio.get_running_loop()
    both = Registry(loop, layer), Registry(loop, layer)
    for registry in both:
        registry.connect_processes()
    # Each is in the group once its receiver runs.
    async with asyncio.timeout(5):
        while len(cast(Any, layer).groups.get("hearth.web", ())) < 2:
            await asyncio.sleep(0)
    yield both
    for registry in both:
        await registry.aclose()


def running(registry: Registry) -> LiveAnswer:
    answer = LiveAnswer(make_task())
    registry.answers[answer.task.generation_uuid] = answer
    assert registry.crossing is not None
    answer.relay = registry.crossing.tell_chat
    return answer


async def test_an_answer_streams_to_the_pages_of_another_process(processes: tuple[Registry, Registry]) -> None:
    here, there = processes
    answer, page = running(here), FakeSocket()
    there.watch(page, answer.task.chat_uuid)

    answer.add_text("It burns ")
    await page.wait_for(1)
    answer.add_text("warm.")
    await page.wait_for(2)

    assert "".join(str(event.get("text")) for event in page.events) == "It burns warm."


async def test_nothing_comes_back_to_where_it_came_from(processes: tuple[Registry, Registry]) -> None:
    here, there = processes
    answer, near, far = running(here), FakeSocket(), FakeSocket()
    here.watch(near, answer.task.chat_uuid)
    answer.attach(near, 0)
    there.watch(far, answer.task.chat_uuid)

    answer.add_text("warm")
    await far.wait_for(1)

    assert len(near.events) == 1


async def test_pages_of_other_chats_hear_nothing(processes: tuple[Registry, Registry]) -> None:
    here, there = processes
    answer, listener, other = running(here), FakeSocket(), FakeSocket()
    there.watch(listener, answer.task.chat_uuid)
    there.watch(other, make_task().chat_uuid)

    answer.add_text("warm")
    await listener.wait_for(1)

    assert other.events == []


async def test_a_stop_reaches_the_process_that_runs_the_answer(processes: tuple[Registry, Registry]) -> None:
    here, there = processes
    answer = running(here)

    there.stop(answer.task.generation_uuid)

    async with asyncio.timeout(5):
        while not answer.is_stop_requested:
            await asyncio.sleep(0)


async def test_a_page_that_comes_back_elsewhere_gets_what_it_missed(processes: tuple[Registry, Registry]) -> None:
    here, there = processes
    answer = running(here)
    for piece in ("one ", "two ", "three"):
        answer.add_text(piece)
    page = FakeSocket()
    there.watch(page, answer.task.chat_uuid)

    there.resume_elsewhere({answer.task.generation_uuid: 1})
    await page.wait_for(1)

    assert "three" in "".join(str(event.get("text")) for event in page.events)


async def test_what_a_person_does_shows_on_all_their_pages_everywhere(processes: tuple[Registry, Registry]) -> None:
    here, there = processes
    mine, foreign = FakeSocket(user_id=3), FakeSocket(user_id=4)
    there.sockets |= {mine, foreign}

    here.tell_user(3, ChatRenamed(type="chat.renamed", chat="c", title="Fires"))

    assert await mine.wait_for(1) == ["chat.renamed"]
    assert foreign.events == []


class HangingLayer(InMemoryChannelLayer):  # type: ignore[misc]  # channels has no types
    """A layer that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_let_go = asyncio.Event()
        self.told: list[dict[str, Any]] = []

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self.is_let_go.wait()
        self.told += message["messages"]


async def test_what_waits_for_a_layer_that_hangs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossing, "MAX_WAITING", 3)
    layer = HangingLayer()
    registry = Registry(asyncio.get_running_loop(), cast(ChannelLayer, layer))
    registry.connect_processes()

    for number in range(20):
        registry.stop(f"generation {number}")
    layer.is_let_go.set()

    async with asyncio.timeout(5):
        while not layer.told:
            await asyncio.sleep(0)
    await registry.aclose()
    assert [message["generation"] for message in layer.told] == [f"generation {number}" for number in range(3)]
