"""Processes that are killed at chance moments and begun anew over the same folder of data."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.db import connections

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Lives:
    """Of a module that answers each line `live` with the process that it begins, and its death with what is left."""

    words: IO[str]
    answers: IO[str]

    def begin(self) -> int:
        self.words.write("live\n")
        self.words.flush()
        return int(self.answers.readline())

    def kill(self, pid: int) -> dict[str, Any]:
        os.kill(pid, signal.SIGKILL)
        found: dict[str, Any] = json.loads(self.answers.readline())
        return found


@contextmanager
def lives_of(module: str, data: Path) -> Iterator[Lives]:
    with subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**os.environ, "HEARTH_DATA": str(data)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        yield Lives(process.stdin, process.stdout)
        process.stdin.close()


def wait_for(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def live_again_and_again(live: Callable[[], Coroutine[Any, Any, None]], facts: Callable[[], object]) -> None:
    """Be such a module: begin a life for each line of standard input, and tell what there is when it has ended.

    Each is forked, so that what Python imports serves all.
    """
    for _ in sys.stdin:
        connections.close_all()
        pid = os.fork()
        if pid == 0:
            asyncio.run(live())
        _say(pid)
        os.waitpid(pid, 0)
        _say(facts())


def _say(line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
