"""Whether loads leave anything behind: one model loaded and unloaded many times, and the model server's own memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from bench.processes import environment, free_port, running, wait_until_ok
from tests.doubles.gguf_files import build_scripted

N_WARM = 20
"""The first loads fill caches and the allocator's arenas."""
TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Loads:
    """What the server held before and after the loads that count."""

    n_loads: int
    load_s: float
    rss_bytes: int
    grown_bytes: int
    n_new_fds: int
    n_left_processes: int


def measure(folder: Path, n_loads: int) -> Loads:
    data, log = folder / "loads", folder / "loads.log"
    (data / "models").mkdir(parents=True)
    build_scripted(data / "models" / "scripted.gguf")
    address = f"127.0.0.1:{free_port()}"
    env = environment(data, OLLAMA_HOST=address, OLLAMA_CONTEXT_LENGTH="2048", OLLAMA_NUM_PARALLEL="1")
    with running(["-m", "inference.server"], env=env, log=log) as server:
        wait_until_ok(f"http://{address}/api/version", server, log)
        with httpx.Client(base_url=f"http://{address}", timeout=TIMEOUT_S, trust_env=False) as http:
            process = psutil.Process(server.pid)
            _load_and_unload(http, N_WARM)
            before_bytes, before_fds = process.memory_info().rss, process.num_fds()
            began = time.monotonic()
            _load_and_unload(http, n_loads)
            return Loads(
                n_loads=n_loads,
                load_s=(time.monotonic() - began) / n_loads,
                rss_bytes=process.memory_info().rss,
                grown_bytes=process.memory_info().rss - before_bytes,
                n_new_fds=process.num_fds() - before_fds,
                n_left_processes=len(process.children(recursive=True)),
            )


def _load_and_unload(http: httpx.Client, n_times: int) -> None:
    question = {"model": "scripted", "prompt": "Hi", "stream": False, "options": {"num_predict": 2}}
    for _ in range(n_times):
        http.post("/api/generate", json=question).raise_for_status()
        http.post("/api/generate", json={"model": "scripted", "keep_alive": 0}).raise_for_status()
