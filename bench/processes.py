"""Start the processes that are measured, and read what they cost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[1]
READY_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory of a process and all its descendants. Shared pages count once, divided among their users (PSS)."""

    n_processes: int
    pss_mib: float


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data: Path, **changes: str) -> dict[str, str]:
    """Return this environment without settings of Hearth's, then `changes`."""
    ours = ("HEARTH_", "OLLAMA_", "OPENAI_", "DJANGO_", "DATABASE_URL", "REDIS_URL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"HEARTH_DATA": str(data), "HEARTH_ENV_FILE": os.devnull} | changes


@contextmanager
def running(arguments: list[str], *, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python ARGUMENTS` in the repository until the block is left."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  (our own commands)
            [sys.executable, *arguments], cwd=ROOT, env=env, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(arguments: list[str], *, env: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S603  (our own commands)
        [sys.executable, *arguments], cwd=ROOT, env=env, check=True, capture_output=True, text=True
    )
    return done.stdout


def wait_until_ok(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Poll until a URL answers 200; fail with the log when the process ends or takes too long."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    with httpx.Client(trust_env=False) as http:
        while True:
            try:
                if http.get(url).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{url} did not become ready:\n{log.read_text()[-3000:]}")
            time.sleep(0.02)


def tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def memory(pid: int) -> Memory:
    pss = [process.memory_full_info().pss for process in tree(pid)]
    return Memory(n_processes=len(pss), pss_mib=sum(pss) / 2**20)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process tree so far."""
    times = [process.cpu_times() for process in tree(pid)]
    return float(sum(t.user + t.system + t.children_user + t.children_system for t in times))


def machine_cpu_s() -> float:
    """Return the busy CPU seconds of the whole machine so far."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
