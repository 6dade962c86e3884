"""The real model server as a child process, for tests that need real runners or a real socket."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 60.0
_LISTENING = re.compile(r"listening on (http://\S+)")


def child_environ(data: Path, **variables: str) -> dict[str, str]:
    """Return an environment with this data folder, a free port, and nothing of the test process's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OLLAMA_", "HEARTH_", "DJANGO_"))}
    return {**kept, "HEARTH_DATA": str(data), "OLLAMA_HOST": "127.0.0.1:0", "HEARTH_ENV_FILE": os.devnull, **variables}


class ModelServer:
    """One running `manage.py serve`. Use as a context manager; leaving it ends the process and its runners."""

    def __init__(self, data: Path, *, command: Sequence[str] = ("manage.py", "serve"), **variables: str) -> None:
        self.data = data
        self._command = command
        self.models = data / "models"
        self.log: list[str] = []
        self._environ = child_environ(data, **variables)
        self._addresses: queue.Queue[str | None] = queue.Queue()

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, *self._command], cwd=ROOT, env=self._environ, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()
        url = self._addresses.get(timeout=START_TIMEOUT_S)
        if url is None:
            self.stop()
            raise RuntimeError("the model server did not start:\n" + "\n".join(self.log))
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        self.stop()

    def stop(self, timeout_s: float = 10.0) -> int:
        """Ask it to end, wait, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        finally:
            self.process.kill()
            self.process.wait()
            self._reader.join()
            if self.process.stderr is not None:
                self.process.stderr.close()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def status(self) -> Mapping[str, Any]:
        status: Mapping[str, Any] = self.http.get("/hearth/status").json()
        return status

    def runner(self, name: str) -> Mapping[str, Any] | None:
        """Return what `/hearth/status` says about a model's runner."""
        return next((model for model in self.status()["models"] if model["name"] == name), None)

    def _read_log(self) -> None:
        for line in self.process.stderr or ():
            self.log.append(line.rstrip("\n"))
            if found := _LISTENING.search(line):
                self._addresses.put(found[1])
        self._addresses.put(None)


def seconds_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> float:
    """Wait until a condition holds and return how long it took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > timeout_s:
            raise TimeoutError("the condition did not come to hold")
        time.sleep(0.01)
    return time.monotonic() - began
