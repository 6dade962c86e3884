"""Processes that are killed at chance moments and begun anew over the same folder of data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

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
