"""Events that cross from one web process to the others, where there are others.

Each process listens to one group of the channel layer. What its answers and services tell, it tells its own
sockets directly and the group besides; what the group tells goes to the sockets of this process alone.
With a single process none of this exists: the layer costs ten times what a direct send costs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, Protocol
from uuid import uuid4

from webui.chats.answering.live import LiveAnswer, Socket
from webui.chats.relay.events import Frame, Outbox, OutboxFull

logger = logging.getLogger(__name__)

GROUP: Final = "hearth.web"
RENEW_S: Final = 3600.0
RETRY_S: Final = 1.0
MAX_WAITING: Final = 10_000
"""What may wait for the layer, of events as of messages."""


class ChannelLayer(Protocol):
    async def new_channel(self) -> str: ...
    async def group_add(self, group: str, channel: str) -> None: ...
    async def group_discard(self, group: str, channel: str) -> None: ...
    async def group_send(self, group: str, message: dict[str, Any]) -> None: ...
    async def receive(self, channel: str) -> dict[str, Any]: ...


class Here(Protocol):
    """What runs and listens in this process: those whom the other processes tell something."""

    @property
    def answers(self) -> Mapping[str, LiveAnswer]: ...

    def watchers_of(self, chat: str) -> Collection[Socket]: ...
    def tell_user_here(self, user_id: int, frame: Frame) -> None: ...
    def stop_here(self, generation: str) -> bool: ...


class Crossing:
    """One process's end. Owned by its registry, which runs `keep_sending` and `keep_receiving` as tasks."""

    def __init__(self, here: Here, layer: ChannelLayer) -> None:
        self._here = here
        self._layer = layer
        self._origin = uuid4().hex
        self._news = asyncio.Event()
        # Pieces of text that wait for the layer become one piece, as for a slow socket.
        self._outbox = Outbox(max_frames=MAX_WAITING)
        self._messages: list[dict[str, Any]] = []

    def tell_chat(self, frame: Frame) -> None:
        """Send an event to the pages of other processes that show its chat."""
        try:
            self._outbox.push(frame)
        except OutboxFull:
            _log_loss()
            return
        self._news.set()

    def tell_user(self, user_id: int, frame: Frame) -> None:
        self._post({"kind": "user", "user": user_id, "event": frame.event})

    def stop(self, generation: str) -> None:
        """Ask the process that runs a generation to stop it."""
        self._post({"kind": "stop", "generation": generation})

    def resume(self, generation: str, seen: int) -> None:
        """Ask the process that runs a generation to tell what came after `seen`; pages ignore what they know."""
        self._post({"kind": "resume", "generation": generation, "seen": seen})

    def _post(self, message: dict[str, Any]) -> None:
        if len(self._messages) >= MAX_WAITING:
            _log_loss()
            return
        self._messages.append(message)
        self._news.set()

    async def keep_sending(self) -> None:
        await _again_and_again(self.send_all)

    async def keep_receiving(self) -> None:
        await _again_and_again(self.receive_all)

    async def send_all(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            messages, self._messages = self._messages, []
            events = [{"kind": "chat", "event": frame.event} for frame in self._outbox.take_all()]
            # One send for all that has come together during the last one: each costs a round trip.
            told = {"type": "hearth.told", "origin": self._origin, "messages": [*events, *messages]}
            await self._layer.group_send(GROUP, told)

    async def receive_all(self) -> None:
        channel = await self._layer.new_channel()
        await self._layer.group_add(GROUP, channel)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._stay_in_group(channel))
                group.create_task(self._take_all(channel))
        finally:
            await self._layer.group_discard(GROUP, channel)

    async def _stay_in_group(self, channel: str) -> None:
        """Enter the group again and again: the layer forgets its members after a day."""
        while True:
            await asyncio.sleep(RENEW_S)
            await self._layer.group_add(GROUP, channel)

    async def _take_all(self, channel: str) -> None:
        while True:
            told = await self._layer.receive(channel)
            if told.get("origin") != self._origin:
                for message in told["messages"]:
                    self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["kind"]
        if kind == "chat":
            frame = Frame(message["event"])
            for socket in self._here.watchers_of(message["event"]["chat"]):
                socket.push(frame)
        elif kind == "user":
            self._here.tell_user_here(message["user"], Frame(message["event"]))
        elif kind == "stop":
            self._here.stop_here(message["generation"])
        elif kind == "resume":
            answer = self._here.answers.get(message["generation"])
            for frame in answer.frames_since(message["seen"]) if answer else ():
                self.tell_chat(frame)


def _log_loss() -> None:
    logger.error("The channel layer does not keep up: an event for other processes is lost.")


async def _again_and_again(work: Callable[[], Awaitable[None]]) -> None:
    """Do something for ever. What is lost while the layer is away, pages get with an answer's end at the latest."""
    while True:
        try:
            await work()
        except Exception:
            # The outermost handler of this task; which errors there are depends on the layer.
            logger.exception("The channel layer failed; it is tried again.")
        await asyncio.sleep(RETRY_S)
