"""People who ask over the chat socket and note when each token reached them."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
import orjson

from bench.upstream import MODEL

STAMP = re.compile(r"\b\d{8,}\b")
ANSWER_TIMEOUT_S = 120.0


@dataclass
class Answer:
    """What one person saw. Times are seconds of the machine's monotonic clock."""

    asked_at: float
    first_token_at: float | None = None
    last_token_at: float | None = None
    delays_s: list[float] = field(default_factory=list)
    state: str = "missing"
    last_stamp: int = 0

    @property
    def n_tokens(self) -> int:
        return len(self.delays_s)

    def take(self, text: str) -> None:
        """Count the tokens that were not seen before; the open end of an answer comes again and again."""
        now = time.monotonic()
        # Ids hold long numbers too, but hardly ones that are moments since the question.
        earliest = max(self.last_stamp, int(self.asked_at * 1e6))
        new = [stamp for stamp in map(int, STAMP.findall(text)) if earliest < stamp <= now * 1e6]
        if not new:
            return
        self.delays_s += [now - stamp / 1e6 for stamp in new]
        self.last_stamp = new[-1]
        self.last_token_at = now
        self.first_token_at = self.first_token_at or now


@asynccontextmanager
async def socket(http: aiohttp.ClientSession, base: str, cookie: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    headers = {"Cookie": f"hearth_session={cookie}", "Origin": base}
    async with http.ws_connect(f"{base}/ws/", headers=headers, max_msg_size=0) as ws:
        yield ws


async def ask(ws: aiohttp.ClientWebSocketResponse, prompt: str, *, documents: Sequence[str] = ()) -> Answer:
    """Ask in a new chat, with documents attached, and read until the answer is stored."""
    answer = Answer(asked_at=time.monotonic())
    question = {"type": "message.sent", "ref": uuid4().hex, "content": prompt, "model": MODEL}
    await ws.send_str(orjson.dumps(question | ({"documents": list(documents)} if documents else {})).decode())
    while answer.state == "missing":
        message = await ws.receive(timeout=ANSWER_TIMEOUT_S)
        if message.type != aiohttp.WSMsgType.TEXT:
            answer.state = "closed"
            break
        take_event(answer, orjson.loads(message.data))
    return answer


def take_event(answer: Answer, event: dict[str, Any]) -> None:
    match event["type"]:
        case "text.added":
            answer.take(event["text"])
        case "tail.changed" | "block.finished":
            answer.take(event["html"])
        case "answer.reset":
            answer.take("".join(event["blocks"]) + event["tail"])
        case "generation.ended":
            answer.take(event["html"])
            answer.state = event["state"]
        case "request.refused":
            answer.state = event["code"]


async def ask_upstream(http: aiohttp.ClientSession, url: str, prompt: str) -> Answer:
    """Ask the upstream itself, as the yardstick."""
    answer = Answer(asked_at=time.monotonic())
    body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
    async with http.post(f"{url}/api/chat", json=body) as response:
        async for line in response.content:
            answer.take(orjson.loads(line)["message"]["content"])
    answer.state = "finished"
    return answer
