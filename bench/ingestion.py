"""From an upload to answers: a book of 200 pages goes over HTTP to a really started Hearth, and is asked."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx

from bench.chats import Answer, ask, socket
from bench.processes import cpu_s, environment, free_port, memory, run, running, wait_until_ok
from bench.rows import Row

_CSRF = "b" * 32
_POLL_S = 0.05
_MEMORY_POLL_S = 0.25
_TIMEOUT_S = 300.0
_UPSTREAM_DELAY_MS = 100


@dataclass(frozen=True, slots=True)
class Book:
    pdf: Path
    needles: Path


def make_book(maker: Path, kept: Path) -> Book:
    """Return the book that the maker's program writes, once. It needs fpdf2; where that is missing, uv brings it."""
    book = Book(kept / "book.pdf", kept / "book.json")
    if not (book.pdf.exists() and book.needles.exists()):
        kept.mkdir(parents=True, exist_ok=True)
        options = ["--pages", "200", "--words", "100000", "--out", str(book.pdf), "--needles", str(book.needles)]
        has_fpdf = subprocess.run([sys.executable, "-c", "import fpdf"], capture_output=True).returncode == 0  # noqa: S603
        python = [sys.executable] if has_fpdf else ["uv", "run", "--no-project", "--with", "fpdf2", "python"]
        try:
            subprocess.run([*python, str(maker), *options], check=True)  # noqa: S603  (the maker that was named)
        except (FileNotFoundError, subprocess.CalledProcessError) as exc:
            raise SystemExit(f"The book could not be made: {exc}. Install fpdf2 or uv, and name its maker.") from exc
    return book


def measure(folder: Path, book: Book, n_questions: int) -> list[Row]:
    data, log = folder / "ingestion", folder / "ingestion.log"
    upstream_port, port, models = free_port(), free_port(), free_port()
    env = environment(
        data, HEARTH_PORT=str(port), OLLAMA_HOST=f"127.0.0.1:{models}",
        OLLAMA_BASE_URLS=f"http://127.0.0.1:{upstream_port}",
    )  # fmt: skip
    run(["manage.py", "prepare"], env=env)
    [cookie] = run(["-m", "bench.people", "1"], env=env).split()
    base = f"http://127.0.0.1:{port}"
    with (
        running(["-m", "bench.upstream", str(upstream_port)], env=env, log=log) as upstream,
        running(["manage.py", "up"], env=env, log=log) as up,
    ):
        wait_until_ok(f"http://127.0.0.1:{upstream_port}/api/version", upstream, log)
        wait_until_ok(f"{base}/ready", up, log)
        with browser(base, cookie) as http:
            # The first text waits for the embedding model to be built and loaded.
            upload(http, "first.txt", b"The first text of this site.")
            rows, uuid = ingest(http, book, up.pid)
        rows += asyncio.run(first_token(base, cookie, uuid, n_questions))
    with running(["manage.py", "serve"], env=env, log=log) as server:
        wait_until_ok(f"http://127.0.0.1:{models}/api/version", server, log)
        recall = float(run(["-m", "bench.planted", str(book.needles)], env=env))
    return [*rows, Row(what="recall@3 on its planted facts", value=recall, unit="", goal=0.95, is_more_better=True)]


@contextmanager
def browser(base: str, cookie: str) -> Iterator[httpx.Client]:
    cookies = {"hearth_session": cookie, "hearth_csrf": _CSRF}
    headers = {"Accept": "application/json", "X-CSRFToken": _CSRF, "Origin": base}
    with httpx.Client(base_url=base, cookies=cookies, headers=headers, trust_env=False, timeout=60) as http:
        yield http


def upload(http: httpx.Client, name: str, content: bytes) -> str:
    """Upload a file and wait until it can be asked; return its id."""
    uuid = str(http.post("/documents/upload/", files={"file": (name, content)}).raise_for_status().json()["uuid"])
    deadline = time.monotonic() + _TIMEOUT_S
    while (state := http.get(f"/documents/{uuid}/status/").raise_for_status().json()["state"]) != "ready":
        if state == "failed" or time.monotonic() > deadline:
            raise SystemExit(f"{name} was not ingested: {state}")
        time.sleep(_POLL_S)
    return uuid


def ingest(http: httpx.Client, book: Book, pid: int) -> tuple[list[Row], str]:
    peaks: list[float] = [memory(pid).pss_mib]
    idle_mib = peaks[0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_MEMORY_POLL_S):
            peaks.append(memory(pid).pss_mib)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began, cpu_before = time.monotonic(), cpu_s(pid)
    try:
        uuid = upload(http, "book.pdf", book.pdf.read_bytes())
        wall_s, cpu_spent_s = time.monotonic() - began, cpu_s(pid) - cpu_before
    finally:
        done.set()
        watcher.join()
    return [
        Row(what="a PDF of 200 pages, upload until it can be asked", value=wall_s, unit="s", goal=12),
        Row(what="CPU of all processes meanwhile", value=cpu_spent_s, unit="s", goal=22),
        Row(what="memory of all processes before", value=idle_mib, unit="MiB"),
        Row(what="the same meanwhile, peak", value=max(peaks), unit="MiB"),
    ], uuid


async def first_token(base: str, cookie: str, uuid: str, n_questions: int) -> list[Row]:
    """Ask with the document attached and without, in turns; the difference of the medians is what it costs."""
    question = f"What is the access code of the doctor for the vault? @fake rate=50 tokens=5 delay={_UPSTREAM_DELAY_MS}"
    without, attached = [], []
    async with aiohttp.ClientSession() as http, socket(http, base, cookie) as ws:
        await ask(ws, question)
        await ask(ws, question, documents=[uuid])
        for _ in range(n_questions):
            without.append(_seconds(await ask(ws, question)))
            attached.append(_seconds(await ask(ws, question, documents=[uuid])))
    later_ms = 1000 * (statistics.median(attached) - statistics.median(without))
    return [
        Row(what="first token without a document, p50", value=1000 * statistics.median(without), unit="ms"),
        Row(what="so much later with the document attached, p50", value=later_ms, unit="ms", goal=20),
    ]


def _seconds(answer: Answer) -> float:
    if answer.first_token_at is None:
        raise SystemExit(f"a question was not answered: {answer.state}")
    return answer.first_token_at - answer.asked_at
