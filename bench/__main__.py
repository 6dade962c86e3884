"""`python -m bench [WHAT]`: measure Hearth here. See README.md."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench import breaks, documents, drop, imports, ingestion, keeping, loading, stopping
from bench.chats import Answer, ask, ask_upstream, socket
from bench.processes import (
    cpu_s,
    environment,
    free_port,
    machine_cpu_s,
    memory,
    run,
    running,
    tree,
    wait_until_ok,
)
from bench.rows import Row, percentile, show

MEASUREMENTS = [
    "start", "memory", "first-token", "streams", "stop", "loads", "retrieval", "quotes", "search", "ingestion",
    "drop", "drops", "chats", "imports", "all",
]  # fmt: skip
KEPT = Path.home() / ".cache" / "hearth-bench"
DELAY_MS = 100
N_STOPPED = 20
SETTLE_S = 5.0
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    base: str
    upstream_url: str
    web_pid: int
    upstream_pid: int
    cookies: list[str]


N_FEW_STREAMS = 4
"""So few leave most of the machine idle: a token is shown sooner than when the machine is full."""


@dataclass(frozen=True, slots=True)
class Load:
    """So many streams of `rate` tokens a second, beginning evenly over `ramp_s`."""

    n_streams: int
    rate: float
    n_tokens: int
    ramp_s: float

    @property
    def ideal_s(self) -> float:
        """Undisturbed, the last stream begins after the ramp and its last token comes one answer later."""
        return self.ramp_s * (self.n_streams - 1) / self.n_streams + DELAY_MS / 1000 + (self.n_tokens - 1) / self.rate


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("what", nargs="?", default="all", choices=MEASUREMENTS)
    parser.add_argument("-n", "--streams", type=int, default=200)
    parser.add_argument("--rate", type=float, default=50, help="tokens a second in each stream")
    parser.add_argument("--ramp", type=float, default=2, help="seconds over which the questions are spread")
    parser.add_argument("--tokens", type=int, default=500, help="tokens of each answer")
    parser.add_argument("--repeat", type=int, default=30, help="questions for the time to the first token")
    parser.add_argument("--loads", type=int, default=500, help="times that a model is loaded")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder for what is fetched and embedded once")
    parser.add_argument("--chats", type=int, nargs="+", default=keeping.SIZES, help="how many chats there are")
    parser.add_argument("--files", type=int, default=1000, help="files that are dropped at once")
    parser.add_argument("--mb", type=int, default=500, help="megabytes of the export that chats are imported from")
    parser.add_argument("--drops", type=int, default=200, help="connections that are broken during answers")
    parser.add_argument("--restarts", type=int, default=5, help="times that the web process dies during answers")
    parser.add_argument("--seed", type=int, default=None, help="of what is broken when, as a failure has named it")
    parser.add_argument("--reranker", default="", help="file in GGUF that orders the passages, for retrieval")
    parser.add_argument("--maker", type=Path, default=Path("make_pdf.py"), help="program that writes the book")
    wanted = parser.parse_args()

    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="hearth-bench-") as folder:
        if wanted.what in ("start", "memory", "all"):
            rows += measure_start(Path(folder), wants_memory=wanted.what != "start")
        if wanted.what in ("first-token", "streams", "all"):
            n_people = wanted.streams if wanted.what != "first-token" else 1
            with site(Path(folder) / "site", n_people) as running_site:
                if wanted.what != "streams":
                    rows += asyncio.run(measure_first_token(running_site, wanted.repeat))
                if wanted.what != "first-token":
                    load = Load(wanted.streams, wanted.rate, wanted.tokens, wanted.ramp)
                    rows += asyncio.run(measure_streams(running_site, load))
        if wanted.what in ("stop", "all"):
            rows += stop_rows(asyncio.run(stopping.measure(Path(folder), N_STOPPED)))
        if wanted.what == "loads":
            rows += load_rows(loading.measure(Path(folder), wanted.loads))
        if wanted.what == "ingestion":
            rows += ingestion.measure(Path(folder), ingestion.make_book(wanted.maker, wanted.kept), wanted.repeat)
        if wanted.what == "search":
            for n_chunks, goal_ms in ((1_000, 10), (100_000, 40)):
                rows += documents.measure_search(wanted.kept, n_chunks, goal_ms)
            rows += documents.measure_stores(Path(folder), wanted.kept, 1_000)
        if wanted.what == "drop":
            rows += drop.measure(Path(folder), wanted.files)
        if wanted.what == "drops":
            seed = secrets.randbelow(2**32) if wanted.seed is None else wanted.seed
            outcome = breaks.measure(Path(folder), n_breaks=wanted.drops, n_restarts=wanted.restarts, seed=seed)
            print(*outcome.faults, f"seed {seed}", sep="\n")
            rows += breaks.rows(outcome)
        if wanted.what == "chats":
            for n_chats in wanted.chats:
                rows += keeping.measure(wanted.kept, n_chats)
        if wanted.what == "imports":
            rows += imports.measure(Path(folder), wanted.mb)
        if wanted.what == "retrieval":
            documents.measure_retrieval(Path(folder), wanted.kept, wanted.reranker)
        if wanted.what == "quotes":
            rows += documents.measure_quotes(Path(folder), wanted.kept)
    if rows:
        print(show(rows))


def measure_start(folder: Path, *, wants_memory: bool) -> list[Row]:
    """Start everything with `manage.py up`, twice on one data folder: new, and as it is every other day."""
    data, log, rows = folder / "start", folder / "start.log", []
    for name, goal in (("first start to /ready, new data folder", None), ("later start to /ready", 5.0)):
        port = free_port()
        env = environment(data, HEARTH_PORT=str(port), OLLAMA_HOST=f"127.0.0.1:{free_port()}")
        began = time.monotonic()
        with running(["manage.py", "up"], env=env, log=log) as up:
            wait_until_ok(f"http://127.0.0.1:{port}/ready", up, log)
            rows.append(Row(what=name, value=time.monotonic() - began, unit="s", goal=goal))
            if goal and wants_memory:
                time.sleep(SETTLE_S)
                rows += memory_rows(up.pid)
    return rows


def memory_rows(up_pid: int) -> list[Row]:
    rows = [
        Row(what=f"idle memory of {name}", value=memory(process.pid).pss_mib, unit="MiB", goal=200 if goal else None)
        for process in tree(up_pid)
        for word, name, goal in (("web", "web", True), ("inference.server", "the model server", False))
        if word in process.cmdline()[1:]
    ]
    whole = memory(up_pid)
    return [*rows, Row(what=f"idle memory of all {whole.n_processes} processes", value=whole.pss_mib, unit="MiB")]


@contextmanager
def site(data: Path, n_people: int) -> Iterator[Site]:
    """Run the web process alone, with the fake upstream in the place of the built-in model server."""
    log = data.with_suffix(".log")
    upstream_port, port = free_port(), free_port()
    upstream_url, base = f"http://127.0.0.1:{upstream_port}", f"http://127.0.0.1:{port}"
    env = environment(data, HEARTH_PORT=str(port), HEARTH_INFERENCE_URL=upstream_url)
    run(["manage.py", "prepare"], env=env)
    cookies = run(["-m", "bench.people", str(n_people)], env=env).split()
    with (
        running(["-m", "bench.upstream", str(upstream_port)], env=env, log=log) as upstream,
        running(["manage.py", "web"], env=env, log=log) as web,
    ):
        wait_until_ok(f"{upstream_url}/api/version", upstream, log)
        wait_until_ok(f"{base}/ready", web, log)
        yield Site(base=base, upstream_url=upstream_url, web_pid=web.pid, upstream_pid=upstream.pid, cookies=cookies)


async def measure_first_token(site: Site, n_questions: int) -> list[Row]:
    """Ask the upstream and the site in turns; what the site adds is the difference of the medians."""
    prompt = f"@fake rate=50 tokens=5 delay={DELAY_MS}"
    direct, through = [], []
    async with aiohttp.ClientSession() as http, socket(http, site.base, site.cookies[0]) as ws:
        await ask(ws, prompt)
        for _ in range(n_questions):
            direct.append(time_to_first(await ask_upstream(http, site.upstream_url, prompt)))
            through.append(time_to_first(await ask(ws, prompt)))
    added_ms = (statistics.median(through) - statistics.median(direct)) * 1000
    return [
        Row(what="time to first token, upstream alone, p50", value=statistics.median(direct) * 1000, unit="ms"),
        Row(what="added to it by Hearth, p50", value=added_ms, unit="ms", goal=15),
    ]


def time_to_first(answer: Answer) -> float:
    if answer.first_token_at is None:
        raise SystemExit(f"a question was not answered: {answer.state}")
    return answer.first_token_at - answer.asked_at


async def measure_streams(site: Site, load: Load) -> list[Row]:
    """Let every person ask in a chat of their own, starting evenly over the ramp."""
    prompt = f"@fake rate={load.rate:g} tokens={load.n_tokens} delay={DELAY_MS}"

    async def person(number: int) -> Answer:
        await asyncio.sleep(load.ramp_s * number / load.n_streams)
        return await ask(sockets[number], prompt)

    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        sockets = [
            await stack.enter_async_context(socket(http, site.base, cookie))
            for cookie in site.cookies[: load.n_streams]
        ]
        before = machine_cpu_s(), cpu_s(site.web_pid), cpu_s(site.upstream_pid), time.process_time()
        answers = await asyncio.gather(*(person(number) for number in range(load.n_streams)))
        after = machine_cpu_s(), cpu_s(site.web_pid), cpu_s(site.upstream_pid), time.process_time()
    spent = [late - early for early, late in zip(before, after, strict=True)]
    return stream_rows(answers, load, spent)


def stream_rows(answers: list[Answer], load: Load, spent: list[float]) -> list[Row]:
    machine_s, web_s, upstream_s, client_s = spent
    began = min(answer.asked_at for answer in answers)
    wall_s = max(answer.last_token_at or began for answer in answers) - began
    n_received = sum(answer.n_tokens for answer in answers)
    name = f"{load.n_streams} streams of {load.rate:g} tokens/s"
    achieved, ideal = n_received / max(wall_s, 1e-9), load.n_streams * load.n_tokens / load.ideal_s
    delays_ms = sorted(delay * 1000 for answer in answers for delay in answer.delays_s) or [0.0]
    first_ms = sorted(time_to_first(answer) * 1000 - DELAY_MS for answer in answers if answer.first_token_at)
    n_failed = sum(answer.state != "finished" or answer.n_tokens != load.n_tokens for answer in answers)
    return [
        Row(what=f"{name}: share of the ideal rate", value=100 * achieved / ideal,
            unit="%", goal=95, is_more_better=True),
        Row(what="tokens a second", value=achieved, unit="/s"),
        Row(what="added delay of a token, p50", value=percentile(delays_ms, 50), unit="ms"),
        Row(what="added delay of a token, p95", value=percentile(delays_ms, 95), unit="ms",
            goal=50 if load.n_streams <= N_FEW_STREAMS else 250),
        Row(what="added to the first token under that load, p50", value=percentile(first_ms, 50), unit="ms"),
        Row(what="failed or incomplete answers (goal: none)", value=n_failed, unit=""),
        Row(what="cores used by web", value=web_s / wall_s, unit=""),
        Row(what="CPU of web for 1000 tokens", value=1000 * web_s / max(n_received, 1), unit="s"),
        Row(what="cores used by upstream and load client", value=(upstream_s + client_s) / wall_s, unit=""),
        Row(what="cores used by others (should be near 0)",
            value=max(0.0, machine_s - web_s - upstream_s - client_s) / wall_s, unit=""),
    ]  # fmt: skip


def stop_rows(stopped: list[stopping.Stopped]) -> list[Row]:
    idle_ms = sorted(1000 * one.runner_idle_s for one in stopped)
    told_ms = sorted(1000 * one.page_told_s for one in stopped)
    return [
        Row(what="Stop until the runner computes no more, p50", value=percentile(idle_ms, 50), unit="ms"),
        Row(what=f"the same, longest of {len(stopped)}", value=idle_ms[-1], unit="ms", goal=300),
        Row(what="Stop until the page is told, p50", value=percentile(told_ms, 50), unit="ms"),
    ]


def load_rows(loads: loading.Loads) -> list[Row]:
    return [
        Row(what=f"a load with a short answer, mean of {loads.n_loads}", value=loads.load_s, unit="s"),
        Row(what="memory of the model server after them", value=loads.rss_bytes / MEBIBYTE, unit="MiB"),
        Row(what="what it has grown by", value=loads.grown_bytes / MEBIBYTE, unit="MiB", goal=5),
        Row(what="open files it has more", value=loads.n_new_fds, unit=""),
        Row(what="processes that are left", value=loads.n_left_processes, unit=""),
    ]


if __name__ == "__main__":
    main()
