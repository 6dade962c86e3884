"""A fast fake Ollama for load tests, in a process of its own: `python -m bench.upstream PORT`.

Plain asyncio protocol without a framework, so that one core holds far more than 200 streams of 50 tokens a second.
A prompt says how it is answered: `@fake rate=50 tokens=200 delay=100`. Each token is the clock at the moment of its
sending (microseconds, monotonic), so that a client on the same machine sees how long the relay took.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import time
from typing import Any, cast

import uvloop

MODEL = "fake:latest"
DIRECTIVE = re.compile(r"@fake((?: +[a-z]+=[0-9.]+)+)")
TOKENS_PER_PARAGRAPH = 25
CARD = {
    "name": MODEL,
    "model": MODEL,
    "modified_at": "2026-01-01T00:00:00Z",
    "size": 4_000_000_000,
    "digest": "0" * 64,
    "details": {"family": "fake", "parameter_size": "7B", "quantization_level": "Q4_K_M"},
}
ANSWERS: dict[str, Any] = {
    "/api/version": {"version": "0.12.0"},
    "/api/tags": {"models": [CARD]},
    "/api/ps": {"models": []},
    "/api/show": {
        "capabilities": ["completion"],
        "model_info": {"general.architecture": "fake", "fake.context_length": 8192},
        "details": CARD["details"],
    },
    "/hearth/stores": {"stores": []},
}


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests are answered one after the other."""

    def __init__(self) -> None:
        self.buffer = b""
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop has transports of its own, which no class of asyncio knows.
        self.transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.task:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        size = int(length[1]) if length else 0
        if not separator or len(rest) < size:
            return
        body, self.buffer = rest[:size], rest[size:]
        path = head.split(b" ", 2)[1].decode()
        self.task = asyncio.get_running_loop().create_task(self.answer(path, body))

    async def answer(self, path: str, body: bytes) -> None:
        if path == "/api/chat":
            await self.stream(json.loads(body)["messages"][-1]["content"])
            return
        known = ANSWERS.get(path)
        text = json.dumps(known if known is not None else {"error": "not found"}).encode()
        status = b"200 OK" if known is not None else b"404 Not Found"
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (status, len(text), text)
        )

    async def stream(self, prompt: str) -> None:
        """Send each token at its absolute time, as a chunk of its own."""
        found = DIRECTIVE.findall(prompt)
        told = dict(word.split("=") for word in found[-1].split()) if found else {}
        rate, n_tokens = float(told.get("rate", 50)), int(told.get("tokens", 100))
        loop = asyncio.get_running_loop()
        start = loop.time() + float(told.get("delay", 0)) / 1000
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for number in range(n_tokens):
            await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
            gap = " " if (number + 1) % TOKENS_PER_PARAGRAPH else "\n\n"
            self.chunk({"message": {"role": "assistant", "content": f"{now_us()}{gap}"}, "done": False})
        self.chunk(
            {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
            | {"prompt_eval_count": 10, "eval_count": n_tokens, "total_duration": 1, "eval_duration": 1}
        )
        self.transport.write(b"0\r\n\r\n")

    def chunk(self, values: dict[str, Any]) -> None:
        line = json.dumps({"model": MODEL, "created_at": "2026-01-01T00:00:00Z"} | values).encode() + b"\n"
        self.transport.write(b"%x\r\n%b\r\n" % (len(line), line))


def now_us() -> int:
    return time.monotonic_ns() // 1000


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=1024)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with server:
        await stopping.wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
