"""How long Stop takes: from the click's event on the chat socket until the runner computes nothing for it any more.

Everything is real: `manage.py up`, the built-in model server, and a model that counts for ever at some hundred tokens a
second.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from bench.chats import socket
from bench.processes import environment, free_port, run, running, wait_until_ok
from tests.doubles.gguf_files import build_slow

MODEL = "slow:latest"
POLL_S = 0.002
EVENT_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Seconds since Stop was sent."""

    runner_idle_s: float
    page_told_s: float


async def measure(folder: Path, n_answers: int) -> list[Stopped]:
    """Stop one answer after the other in its middle."""
    data, log = folder / "stop", folder / "stop.log"
    (data / "models").mkdir(parents=True)
    build_slow(data / "models" / "slow.gguf")
    web, models = free_port(), free_port()
    env = environment(data, HEARTH_PORT=str(web), OLLAMA_HOST=f"127.0.0.1:{models}")
    run(["manage.py", "prepare"], env=env)
    [cookie] = run(["-m", "bench.people", "1"], env=env).split()
    with running(["manage.py", "up"], env=env, log=log) as up:
        base = f"http://127.0.0.1:{web}"
        wait_until_ok(f"{base}/ready", up, log)
        async with aiohttp.ClientSession() as http, socket(http, base, cookie) as ws:
            # The first one loads the model.
            return [await _stop_one(ws, http, f"http://127.0.0.1:{models}") for _ in range(n_answers + 1)][1:]


async def _stop_one(ws: aiohttp.ClientWebSocketResponse, http: aiohttp.ClientSession, models: str) -> Stopped:
    asked = {"type": "message.sent", "ref": str(time.monotonic_ns()), "content": "Count.", "model": MODEL}
    await ws.send_str(orjson.dumps(asked).decode())
    running_answer = await _until(ws, "text.added")
    await _until(ws, "tail.changed")
    stop = {"type": "stop.requested", "chat": running_answer["chat"], "generation": running_answer["generation"]}
    began = time.monotonic()
    await ws.send_str(orjson.dumps(stop).decode())
    idle_s, told_s = await asyncio.gather(_until_idle(http, models, began), _until_told(ws, began))
    return Stopped(runner_idle_s=idle_s, page_told_s=told_s)


async def _until(ws: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = orjson.loads((await ws.receive(timeout=EVENT_TIMEOUT_S)).data)
        if event["type"] == kind:
            return event
        if event["type"] in ("generation.ended", "request.refused"):
            raise SystemExit(f"an answer was not written: {event}")


async def _until_told(ws: aiohttp.ClientWebSocketResponse, began: float) -> float:
    while orjson.loads((await ws.receive(timeout=EVENT_TIMEOUT_S)).data)["type"] != "generation.ended":
        pass
    return time.monotonic() - began


async def _until_idle(http: aiohttp.ClientSession, models: str, began: float) -> float:
    """Ask the model server until the runner has taken the answer out of its batch."""
    while True:
        async with http.get(f"{models}/hearth/status") as response:
            status = orjson.loads(await response.read())
        if not any(model["n_active"] for model in status["models"] if model["name"] == MODEL):
            return time.monotonic() - began
        await asyncio.sleep(POLL_S)
