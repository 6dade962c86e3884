"""A page that reads one answer over a connection that breaks, and goes on as the script of the real page does."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import lxml.html
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.chats.reader import Reader

Break = Literal["abort", "close", "away", "reload"]
"""The line is cut; the page closes; the line is cut and the page stays away for a while; the page is loaded anew."""
BREAKS: tuple[Break, ...] = ("abort", "close", "away", "reload")
LONGEST_READ_S = 0.3
LONGEST_ABSENCE_S = 0.8
WAIT_S = 0.1
ENDED = ("finished", "stopped", "failed", "interrupted")
WORD = re.compile(r"w\d{4}")
Event = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page is loaded from, and by whom."""

    base: str
    cookie: str
    model: str


@dataclass(slots=True)
class ReadingPage:
    """One open page. Asks `question`, whose answer has the words `expected`, each once.

    Attributes:
        faults: What it has shown that the answer does not say.
        broken: How often the connection was broken by intent, and in which ways.
        n_lost: How often it was lost or could not be made.
    """

    place: Place
    question: str
    expected: Sequence[str]
    chance: random.Random
    ref: str
    shown: Reader = field(default_factory=Reader)
    chat: str | None = None
    message: str | None = None
    generation: str | None = None
    end: Event | None = None
    broken: Counter[str] = field(default_factory=Counter)
    n_lost: int = 0
    faults: list[str] = field(default_factory=list)
    has_text: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, breaks: Iterator[Break]) -> None:
        """Read on through every break until the answer has ended, whichever way."""
        while self.end is None:
            how = next(breaks, None)
            try:
                async with self._connection() as socket:
                    await self._listen(socket, self.chance.uniform(0, LONGEST_READ_S) if how else None)
                    if self.end is None and how:
                        self.broken[how] += 1
                        if how != "close":
                            socket.transport.abort()
                if self.end is None and how:
                    await self._go_on(how)
            except (ConnectionClosed, InvalidHandshake, OSError, httpx.TransportError):
                self.n_lost += 1
                await asyncio.sleep(WAIT_S)

    async def ask_again(self) -> None:
        """Let the ended answer be written once more, and read the other one."""
        answered, self.end, self.shown, self.message = self.message, None, Reader(), None
        asked = {"type": "answer.requested", "ref": f"{self.ref}-again", "chat": self.chat, "message": answered}
        async with self._connection(asked | {"model": self.place.model}) as socket:
            await self._listen(socket, None)

    def _connection(self, asked: Event | None = None) -> _Connection:
        if asked is None and self.message is None:
            asked = {
                "type": "message.sent", "ref": self.ref, "content": self.question, "model": self.place.model,
            }  # fmt: skip
        seen = {self.generation: self.shown.seq} if self.generation else {}
        return _Connection(self.place, asked or {"type": "chat.opened", "chat": self.chat, "seen": seen})

    async def _listen(self, socket: ClientConnection, patience_s: float | None) -> None:
        try:
            async with asyncio.timeout(patience_s):
                while self.end is None:
                    self._take(json.loads(await socket.recv()))
        except TimeoutError:
            pass
        self._look("".join([*self.shown.blocks, self.shown.tail]), "in the middle")

    def _take(self, event: Event) -> None:
        match event["type"]:
            case "branch.changed":
                self.chat = event["chat"]
            case "text.added" | "tail.changed" | "block.finished" | "answer.reset" | "generation.progressed":
                if self.message != event["message"]:
                    self.message, self.generation, self.shown = event["message"], event["generation"], Reader()
                self.shown.apply(event)
                if event["type"] != "generation.progressed":
                    self.has_text.set()
            case "generation.ended" if self.message in (None, event["message"]):
                self.message, self.generation = event["message"], event["generation"]
                self._finish(event["state"], event["html"])
            case "request.refused":
                self.faults.append(f"refused: {event}")
                self.end = event

    def _finish(self, state: str, html: str) -> None:
        self.end = {"state": state}
        self._look(_answer_in(html, self.message), f"at the end ({state})", is_whole=state == "finished")

    def _look(self, html: str, when: str, *, is_whole: bool = False) -> None:
        """Compare what is shown with the beginning of the answer, or with all of it."""
        words = WORD.findall(html)
        expected = list(self.expected) if is_whole else list(self.expected[: len(words)])
        if words != expected:
            at = next((n for n, (a, b) in enumerate(zip(words, expected, strict=False)) if a != b), len(words))
            self.faults.append(f"shows {words[at : at + 3]} for {expected[at : at + 3]} {when}, {len(words)} words")

    async def _go_on(self, how: Break) -> None:
        if how == "away":
            await asyncio.sleep(self.chance.uniform(0, LONGEST_ABSENCE_S))
        # Before the page knows its chat, there is nothing to load again: it asks once more, under the same ref.
        if how == "reload" and self.chat and self.generation:
            page = await self._loaded()
            self.shown = Reader()
            self._look(_answer_in(page, self.message), "after a reload")
            state = re.search(rf'data-generation="{self.generation}" data-state="(\w+)"', page)
            if not state:
                self.faults.append("the page that was loaded anew has not got the answer")
            elif state[1] in ENDED:
                self._finish(state[1], page)

    async def _loaded(self) -> str:
        cookies = {"hearth_session": self.place.cookie}
        async with httpx.AsyncClient(cookies=cookies, trust_env=False, timeout=30) as browser:
            response = await browser.get(f"{self.place.base}/chats/{self.chat}/")
        return response.raise_for_status().text


class _Connection:
    """A socket on which the first thing has been said. Closing does not wait for the other side for long."""

    def __init__(self, place: Place, said: Event) -> None:
        self._connecting = connect(
            f"{place.base.replace('http', 'ws', 1)}/ws/",
            origin=place.base,  # type: ignore[arg-type]  # a plain text to them as well
            additional_headers={"Cookie": f"hearth_session={place.cookie}"},
            proxy=None,
            close_timeout=1,
            max_size=None,
        )
        self._said = json.dumps(said)

    async def __aenter__(self) -> ClientConnection:
        self._socket = await self._connecting
        await self._socket.send(self._said)
        return self._socket

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()


def _answer_in(html: str, message: str | None) -> str:
    """Return what is shown of an answer: without the text that is kept beside for copying."""
    [shown] = lxml.html.document_fromstring(html).xpath(f'//*[@data-message="{message}"]//*[@data-body]')
    return str(shown.text_content())
