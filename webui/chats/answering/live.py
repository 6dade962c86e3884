"""An answer while it is written: its text, its rendered form, and the events that tell pages about it. No I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, cast

from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString

from inference.types import ChatRequest, Usage
from rag.types import Passage, RetrievalTrace
from webui.chats.relay.events import EventLog, Frame
from webui.chats.relay.protocol import ServerEvent
from webui.chats.services.generations import EndState, JournalEntry
from webui.chats.services.images import Redrawn
from webui.chats.services.tasks import Task
from webui.rendering import IncrementalRenderer


class Socket(Protocol):
    """One page that listens. `push` never waits."""

    def push(self, frame: Frame) -> None: ...


class LiveAnswer:
    """One running generation. Owned by the registry of the process that runs it."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.sockets: set[Socket] = set()
        self.producer: asyncio.Task[None] | None = None
        # Of `ModelInfo`, once a model is asked.
        self.model_key = ""
        self.is_stop_requested = False
        self.has_ended = False
        self.first_delta_at: datetime | None = None
        self.usage = Usage()
        self.thinking_s: float | None = None
        """How long the model has thought before its first word; None when it has not."""
        self.request: ChatRequest | None = None
        """What the model was asked; None before that, and of Quotes."""
        self.end_state: EndState | None = None
        self.ledger: dict[str, Any] = {}
        self.trace: RetrievalTrace | None = None
        self.passages: Sequence[Passage] = ()
        self.pictures: Sequence[Redrawn] = ()
        """What the answer is, where it is pictures."""
        self.is_rendering = False
        """A thread has the renderer."""
        self.relay: Callable[[Frame], None] | None = None
        """Carries events to other web processes, where there are any."""
        self.n_chars = 0
        """Of the answer and the thinking together."""
        self._content: list[str] = []
        self._thinking: list[str] = []
        self._is_journalled = True
        self._log = EventLog()
        self._progress: Frame | None = None
        self._blocks: list[str] = []
        self._tail = ""
        self._space = ""
        self._unrendered: list[str] = []
        self._renderer = IncrementalRenderer()

    # ---- text ----

    @property
    def content(self) -> str:
        return "".join(self._content)

    @property
    def thinking(self) -> str:
        return "".join(self._thinking)

    @property
    def has_text(self) -> bool:
        return bool(self._content)

    def expect_citations(self, passages: Sequence[Passage]) -> None:
        """Tell what the answer may cite: [1] is the first. Before any text."""
        self.passages = passages
        self._renderer = IncrementalRenderer(citations=range(1, len(passages) + 1))

    def add_text(self, text: str) -> None:
        """Take the next piece of the answer and send it on as it is, to be rendered later."""
        self.first_delta_at = self.first_delta_at or timezone.now()
        self.n_chars += len(text)
        self._content.append(text)
        self._unrendered.append(text)
        self._is_journalled = False
        self._publish_text(text)

    def add_thinking(self, text: str) -> None:
        self.first_delta_at = self.first_delta_at or timezone.now()
        self.n_chars += len(text)
        self._thinking.append(text)
        self._is_journalled = False

    # ---- rendering, driven by the render loop ----

    @property
    def needs_rendering(self) -> bool:
        return bool(self._unrendered) and not self.is_rendering

    @property
    def n_open_chars(self) -> int:
        """About how much the next rendering has to read."""
        return len(self._tail) + sum(map(len, self._unrendered))

    def render(self) -> None:
        """Render what is new and publish it: finished blocks, then the tail."""
        self.publish_rendered(*self.take_rendered(self.unrendered_text()))

    def unrendered_text(self) -> str:
        """Hand out the text that the next rendering adds."""
        text = "".join(self._unrendered)
        self._unrendered.clear()
        words = text.rstrip()
        self._space = text[len(words) :] if words else self._space + text
        return text

    def take_rendered(self, text: str) -> tuple[Sequence[str], str]:
        """Render; touches nothing but the renderer, so it may run in a thread."""
        self._renderer.feed(text)
        update = self._renderer.take()
        return update.finished_blocks, update.tail

    def finish_rendering(self) -> SafeString:
        """Render the rest and return the whole answer as HTML. The renderer is used up then."""
        self._renderer.feed(self.unrendered_text())
        update = self._renderer.finish()
        return update.whole or SafeString("".join([*self._blocks, *update.finished_blocks]))

    def publish_rendered(self, blocks: Sequence[str], tail: str) -> None:
        for html in blocks:
            self._blocks.append(html)
            self._publish("block.finished", html=html)
        self._tail = tail
        if tail or not blocks:
            self._publish("tail.changed", html=tail, space=self._space)
        # Text that came while a thread rendered was shown behind the old tail, which is gone now.
        if self._unrendered:
            self._publish_text("".join(self._unrendered))

    # ---- events ----

    def publish_progress(self, text: str) -> None:
        if self._progress is not None and self._progress.event.get("text") == text:
            return
        self._progress = self._publish("generation.progressed", text=text)

    def publish_end(self, state: EndState, html: str) -> None:
        self.has_ended = True
        self.end_state = state
        self._publish("generation.ended", state=state, html=html)

    def attach(self, socket: Socket, seen: int) -> None:
        """Send a page what it missed since `seen`, and everything from now on."""
        for frame in self.frames_since(seen):
            socket.push(frame)
        self.sockets.add(socket)

    def frames_since(self, seen: int) -> list[Frame]:
        frames = self._log.since(seen)
        if frames is not None:
            return frames
        if not self.has_text:
            return [self._progress] if self._progress else []
        return [self._reset()]

    def _reset(self) -> Frame:
        unrendered = escape("".join(self._unrendered))
        return Frame(
            self._event("answer.reset", self._log.last_seq, blocks=[*self._blocks], tail=self._tail + unrendered)
        )

    def _publish_text(self, text: str) -> None:
        self._publish("text.added", text=text)

    def _publish(self, kind: str, **fields: str) -> Frame:
        frame = Frame(self._event(kind, self._log.next_seq(), **fields))
        self._log.add(frame)
        if self.relay is not None:
            self.relay(frame)
        for socket in tuple(self.sockets):
            socket.push(frame)
        return frame

    def _event(self, kind: str, seq: int, **fields: object) -> ServerEvent:
        ids = {
            "chat": self.task.chat_uuid,
            "generation": self.task.generation_uuid,
            "message": self.task.message_uuid,
        }
        return cast(ServerEvent, {"type": kind, **ids, "seq": seq, **fields})

    # ---- journal ----

    def journal_entry(self) -> JournalEntry | None:
        """Hand out the text so far if it has grown since the last time; `forget_journal` takes that back."""
        if self._is_journalled:
            return None
        self._is_journalled = True
        return JournalEntry(
            message_id=self.task.message_id,
            generation_id=self.task.generation_id,
            content=self.content,
            thinking=self.thinking,
        )

    def forget_journal(self) -> None:
        self._is_journalled = False

    def request_stop(self) -> None:
        """End the answer with the text it has. The upstream's request is dropped at once."""
        self.is_stop_requested = True
        if self.producer is not None:
            self.producer.cancel()
