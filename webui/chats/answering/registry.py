"""What runs in this process and who listens to it.

One registry per process: it owns the tasks of all running answers, so that closing a page stops nothing.
Everything here runs on the event loop; `tell_from_thread` is the door for sync views.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from channels.layers import get_channel_layer

from webui.chats import conf
from webui.chats.answering import live
from webui.chats.answering.afterthoughts import Afterthoughts
from webui.chats.answering.crossing import ChannelLayer, Crossing
from webui.chats.answering.live import LiveAnswer
from webui.chats.relay.events import Frame
from webui.chats.relay.protocol import ServerEvent
from webui.chats.relay.sockets import CheckedSocket, TicketChecks, watch_sockets

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Socket(live.Socket, CheckedSocket, Protocol):
    """One connected page of one person."""


class Registry:
    """The answers, sockets and tasks of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, layer: ChannelLayer | None = None) -> None:
        """`layer` connects this process with others; None: there are none."""
        self.loop = loop
        self.crossing = Crossing(self, layer) if layer is not None else None
        self.answers: dict[str, LiveAnswer] = {}
        self.afterthoughts = Afterthoughts()
        self.sockets: set[Socket] = set()
        self.tickets = TicketChecks()
        self._watchers: defaultdict[str, set[Socket]] = defaultdict(set)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._named: dict[str, asyncio.Task[None]] = {}

    # ---- sockets ----

    def join(self, socket: Socket) -> None:
        self.sockets.add(socket)
        self.ensure("watching", lambda: watch_sockets(self.sockets))
        self.connect_processes()

    def connect_processes(self) -> None:
        """Listen to the other processes, where there are any."""
        if self.crossing is not None:
            self.ensure("sending", self.crossing.keep_sending)
            self.ensure("receiving", self.crossing.keep_receiving)

    def leave(self, socket: Socket) -> None:
        self.sockets.discard(socket)
        for chat in [chat for chat, watchers in self._watchers.items() if socket in watchers]:
            self.unwatch(socket, chat)

    def watch(self, socket: Socket, chat: str) -> None:
        self._watchers[chat].add(socket)

    def unwatch(self, socket: Socket, chat: str) -> None:
        watchers = self._watchers.get(chat, set())
        watchers.discard(socket)
        if not watchers:
            self._watchers.pop(chat, None)
        for answer in self.answers_of(chat):
            answer.sockets.discard(socket)

    def watchers_of(self, chat: str) -> set[Socket]:
        return set(self._watchers.get(chat, ()))

    def shown_chats(self) -> set[str]:
        """Return the chats that pages of this process show."""
        return set(self._watchers)

    def tell_chat(self, chat: str, event: ServerEvent, *, besides: Socket | None = None) -> None:
        """Send an event to every page that shows the chat. The event names the chat."""
        frame = Frame(event)
        for socket in self.watchers_of(chat):
            if socket is not besides:
                socket.push(frame)
        if self.crossing is not None:
            self.crossing.tell_chat(frame)

    def tell_user(self, user_id: int, event: ServerEvent) -> None:
        """Send an event to every page of a person."""
        frame = Frame(event)
        self.tell_user_here(user_id, frame)
        if self.crossing is not None:
            self.crossing.tell_user(user_id, frame)

    def tell_user_here(self, user_id: int, frame: Frame) -> None:
        for socket in [socket for socket in self.sockets if socket.ticket.user_id == user_id]:
            socket.push(frame)

    # ---- answers ----

    def answers_of(self, chat: str) -> list[LiveAnswer]:
        return [answer for answer in self.answers.values() if answer.task.chat_uuid == chat]

    def stop(self, generation: str) -> None:
        """Stop an answer, wherever it runs."""
        if not self.stop_here(generation) and self.crossing is not None:
            self.crossing.stop(generation)

    def resume_elsewhere(self, seen: Mapping[str, int]) -> None:
        """Ask other processes for what came after these sequence numbers of generations that do not run here."""
        if self.crossing is not None:
            for generation, seq in seen.items():
                self.crossing.resume(generation, seq)

    def stop_here(self, generation: str) -> bool:
        answer = self.answers.get(generation)
        if answer is None:
            return False
        answer.request_stop()
        return True

    # ---- tasks ----

    def own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something to its end, whoever asked for it. Its errors are logged."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._disown)
        return task

    async def carry_out(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something to its end also when its caller is cancelled meanwhile. Its errors go to the caller."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    def ensure(self, name: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run one of a kind, unless it runs already."""
        if name not in self._named or self._named[name].done():
            self._named[name] = self.own(make())

    def _disown(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("A background task of the chats failed.", exc_info=error)

    async def aclose(self) -> None:
        """End everything: running answers are stored as interrupted, with their text."""
        while tasks := tuple(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


_current: Registry | None = None


def registry() -> Registry:
    """Return the registry of the running event loop."""
    global _current
    loop = asyncio.get_running_loop()
    if _current is None or _current.loop is not loop:
        _current = Registry(loop, get_channel_layer() if conf.has_several_processes() else None)
    return _current


def tell_from_thread(work: Callable[[Registry], None]) -> None:
    """Let the registry of this process do something, from a sync view; nothing happens where none is used yet."""
    current = _current
    if current is not None and not current.loop.is_closed():
        current.loop.call_soon_threadsafe(work, current)
