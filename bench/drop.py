"""A thousand small files dropped at once: how long until all can be asked, what memory grows by, how chats feel it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil
from yarl import URL

from bench.chats import ask, socket
from bench.processes import environment, free_port, run, running, tree, wait_until_ok
from bench.rows import Row, percentile

# As many as the page sends at once.
PARALLEL = 2
DELAY_MS = 100
PROMPT = f"@fake rate=50 tokens=5 delay={DELAY_MS}"
PAUSE_S = 1.0
DONE_TIMEOUT_S = 1800.0

_TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')
_UNFINISHED = re.compile(r'data-state="(?:queued|extracting|embedding)"')
_FAILED = 'data-state="failed"'


@dataclass
class Watched:
    """What was seen while the files were taken in; times in seconds."""

    first_tokens_s: list[float] = field(default_factory=list)
    n_unanswered: int = 0
    most_rss: int = 0


def measure(folder: Path, n_files: int) -> list[Row]:
    data, log = folder / "drop", folder / "drop.log"
    upstream_port, port = free_port(), free_port()
    base, upstream = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{upstream_port}"
    env = environment(data, HEARTH_PORT=str(port), OLLAMA_HOST=f"127.0.0.1:{free_port()}", OLLAMA_BASE_URLS=upstream)
    run(["manage.py", "prepare"], env=env)
    cookie = run(["-m", "bench.people", "1"], env=env).strip()
    with (
        running(["-m", "bench.upstream", str(upstream_port)], env=env, log=log) as double,
        running(["manage.py", "up"], env=env, log=log) as up,
    ):
        wait_until_ok(f"{upstream}/api/version", double, log)
        wait_until_ok(f"{base}/ready", up, log)
        web = next(process for process in tree(up.pid) if "web" in process.cmdline()[1:])
        return asyncio.run(_drop(base, cookie, web, n_files))


async def _drop(base: str, cookie: str, web: psutil.Process, n_files: int) -> list[Row]:
    # Without `unsafe` it keeps no cookie of a host that has no name.
    jar = aiohttp.CookieJar(unsafe=True)
    jar.update_cookies({"hearth_session": cookie}, URL(base))
    async with aiohttp.ClientSession(cookie_jar=jar) as http, socket(http, base, cookie) as ws:
        token = _TOKEN.findall(await _page(http, f"{base}/documents/"))[0]
        # The first file waits for the embedder to be built and loaded.
        await _upload(http, base, token, 0)
        await _wait_until_done(http, base)
        before = Watched()
        for _ in range(10):
            await _chat(ws, before)
        rss_before = web.memory_info().rss
        during, began = Watched(), time.monotonic()
        async with _watching(ws, web, during):
            await _upload_all(http, base, token, n_files)
            uploaded_s = time.monotonic() - began
            await _wait_until_done(http, base)
        done_s = time.monotonic() - began
        n_failed = (await _page(http, f"{base}/documents/")).count(_FAILED)
    quiet, busy = sorted(before.first_tokens_s), sorted(during.first_tokens_s)
    return [
        Row(what=f"{n_files} small files until all are uploaded", value=uploaded_s, unit="s"),
        Row(what="until all of them can be asked", value=done_s, unit="s"),
        Row(what="failed, of the 50 newest (goal: none)", value=n_failed, unit=""),
        Row(what="time to first token before, p50", value=percentile(quiet, 50) * 1000, unit="ms"),
        Row(what="time to first token meanwhile, p50", value=percentile(busy, 50) * 1000, unit="ms"),
        Row(what="the same, p95", value=percentile(busy, 95) * 1000, unit="ms", goal=1000),
        Row(what="questions without an answer (goal: none)", value=during.n_unanswered, unit=""),
        Row(what="memory of web before (RSS)", value=rss_before / 2**20, unit="MiB"),
        Row(what="what it grew by at most", value=(during.most_rss - rss_before) / 2**20, unit="MiB", goal=100),
    ]


@asynccontextmanager
async def _watching(ws: aiohttp.ClientWebSocketResponse, web: psutil.Process, seen: Watched) -> AsyncIterator[None]:
    """Ask one question after the other, and look at the memory, until the block is left."""

    async def chat() -> None:
        while True:
            await _chat(ws, seen)
            await asyncio.sleep(PAUSE_S)

    async def look() -> None:
        while True:
            seen.most_rss = max(seen.most_rss, web.memory_info().rss)
            await asyncio.sleep(0.2)

    tasks = [asyncio.create_task(chat()), asyncio.create_task(look())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def _chat(ws: aiohttp.ClientWebSocketResponse, seen: Watched) -> None:
    answer = await ask(ws, PROMPT)
    if answer.first_token_at is None:
        seen.n_unanswered += 1
    else:
        seen.first_tokens_s.append(answer.first_token_at - answer.asked_at)


async def _upload_all(http: aiohttp.ClientSession, base: str, token: str, n_files: int) -> None:
    numbers = iter(range(1, n_files + 1))

    async def sender() -> None:
        for number in numbers:
            await _upload(http, base, token, number)

    await asyncio.gather(*(sender() for _ in range(PARALLEL)))


async def _upload(http: aiohttp.ClientSession, base: str, token: str, number: int) -> None:
    form = aiohttp.FormData()
    text = f"Locker {number} holds {number * 37} metres of rope. " + "It was checked in spring and is dry. " * 20
    form.add_field("file", text.encode(), filename=f"locker-{number}.txt")
    headers = {"X-CSRFToken": token, "Accept": "application/json", "Origin": base}
    async with http.post(f"{base}/documents/upload/", data=form, headers=headers) as response:
        if response.status != 201:  # noqa: PLR2004
            raise SystemExit(f"file {number} was refused: {response.status} {await response.text()}")


async def _wait_until_done(http: aiohttp.ClientSession, base: str) -> None:
    deadline = time.monotonic() + DONE_TIMEOUT_S
    while _UNFINISHED.search(await _page(http, f"{base}/documents/")):
        if time.monotonic() > deadline:
            raise SystemExit("the documents were not done in time")
        await asyncio.sleep(0.5)


async def _page(http: aiohttp.ClientSession, url: str) -> str:
    async with http.get(url) as response:
        return await response.text()
