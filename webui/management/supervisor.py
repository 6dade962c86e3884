"""Starts the children, names their log lines, restarts what dies, and leaves nothing behind.

`up` replaces itself by this module when everything is prepared: it needs the standard library only, so that
the process that watches the others holds little memory.
"""

from __future__ import annotations

import asyncio
import ctypes
import http.client
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

GRACE_S = 7.0
BACKOFF_START_S = 0.5
BACKOFF_LIMIT_S = 30.0
# A child that has lived this long counts as well again.
STEADY_S = 60.0
READY_POLL_S = 0.1
READY_PATIENCE_S = 20.0
PR_SET_PDEATHSIG = 1
LOG_END_TIMEOUT_S = 1.0
LOG_LINE_LIMIT_BYTES = 256 * 1024

# What a process without secrets is given: names, and beginnings of names.
PUBLIC_NAMES = frozenset({
    "HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV",
    "HEARTH_DATA", "HEARTH_API_OPEN", "HEARTH_LOG_LEVEL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_DIR", "SSL_CERT_FILE", "HF_HOME",
    "HF_ENDPOINT",
})  # fmt: skip
PUBLIC_BEGINNINGS = ("CUDA_", "GGML_", "HIP_", "LC_", "LD_", "LLAMA_", "OLLAMA_", "OMP_", "PYTHON", "ROCR_", "XDG_")
SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD")
# Needed by preparation only.
BOOTSTRAP_SECRETS = frozenset({"HEARTH_ADMIN_EMAIL", "HEARTH_ADMIN_PASSWORD", "HEARTH_ADMIN_PASSWORD_FILE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """A process to keep running.

    Attributes:
        environment: Set on top of what the child inherits.
        knows_secrets: Whether it inherits everything, or only what PUBLIC_NAMES and PUBLIC_BEGINNINGS allow.
        own_secrets: Names of the secrets that are meant for it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    knows_secrets: bool = False
    own_secrets: Sequence[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run.

    Attributes:
        ready_url: Asked until it answers 200; then `address` is printed.
        grace_s: What a child is given to end by itself before it is killed.
    """

    children: Sequence[ChildSpec]
    ready_url: str = ""
    address: str = ""
    grace_s: float = GRACE_S

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Plan:
        values = json.loads(text)
        values["children"] = [ChildSpec(**child) for child in values["children"]]
        return Plan(**values)


def inherited_environment(spec: ChildSpec, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a child is given of our environment."""
    if spec.knows_secrets:
        return {name: value for name, value in environment.items() if name not in BOOTSTRAP_SECRETS}
    return {
        name: value
        for name, value in environment.items()
        if name in spec.own_secrets or (_is_public(name) and not any(word in name for word in SECRET_WORDS))
    }


def _is_public(name: str) -> bool:
    return name in PUBLIC_NAMES or name.startswith(PUBLIC_BEGINNINGS)


class Supervisor:
    """Keeps the children of one plan alive until it is told to stop."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stopping = asyncio.Event()
        self._width = max((len(child.name) for child in plan.children), default=0)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        async with asyncio.TaskGroup() as group:
            for spec in self._plan.children:
                group.create_task(self._keep_alive(spec))
            if self._plan.ready_url:
                group.create_task(self._announce())

    def _stop(self) -> None:
        if not self._stopping.is_set():
            self._say("Stopping.")
        self._stopping.set()

    async def _keep_alive(self, spec: ChildSpec) -> None:
        backoff_s = BACKOFF_START_S
        while not self._stopping.is_set():
            started = time.monotonic()
            exit_code = await self._run_once(spec)
            if self._stopping.is_set():
                return
            if time.monotonic() - started > STEADY_S:
                backoff_s = BACKOFF_START_S
            self._say(f"{spec.name} ended ({_reason(exit_code)}); starting it again in {backoff_s:g} s.")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_LIMIT_S)

    async def _run_once(self, spec: ChildSpec) -> int:
        """Run the child until it ends or has to, and whatever it started ends with it."""
        # A pipe of our own: asyncio's would make us wait for grandchildren, who hold it open, too.
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *spec.command,
                env={**inherited_environment(spec, os.environ), **spec.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                # A group of its own: Ctrl-C reaches us alone, and what is left of the group can be ended with it.
                start_new_session=True,
                preexec_fn=_end_with(os.getpid()),
            )
        finally:
            os.close(write_end)
        log = asyncio.create_task(self._copy_log(spec.name, read_end))
        stop = asyncio.create_task(self._end_when_stopping(process))
        try:
            return await process.wait()
        finally:
            _signal_group(process.pid, signal.SIGKILL)
            # Nobody of the group is left to hold the pipe open, so the log comes to its end.
            await asyncio.wait({log}, timeout=LOG_END_TIMEOUT_S)
            log.cancel()
            stop.cancel()
            await asyncio.gather(log, stop, return_exceptions=True)

    async def _end_when_stopping(self, process: asyncio.subprocess.Process) -> None:
        await self._stopping.wait()
        with suppress(ProcessLookupError):
            process.terminate()
        await asyncio.sleep(self._plan.grace_s)
        _signal_group(process.pid, signal.SIGKILL)

    async def _copy_log(self, name: str, read_end: int) -> None:
        reader = asyncio.StreamReader(limit=LOG_LINE_LIMIT_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", buffering=0)
        )
        try:
            while line := await _read_line(reader):
                self._write(f"{name:<{self._width}} | {line.decode('utf-8', 'replace').rstrip()}")
        finally:
            transport.close()

    async def _announce(self) -> None:
        patience_ends = time.monotonic() + READY_PATIENCE_S
        while not self._stopping.is_set():
            problem = await asyncio.to_thread(readiness_problem, self._plan.ready_url)
            if self._stopping.is_set():
                return
            if not problem:
                self._write("\nHearth is ready. Press Ctrl+C to stop it.\n")
                self._write(f"{self._plan.address}\n")
                return
            if time.monotonic() > patience_ends:
                self._say(f"Not ready yet: {problem}.")
                patience_ends = time.monotonic() + READY_PATIENCE_S
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), READY_POLL_S)

    def _say(self, text: str) -> None:
        self._write(f"{'up':<{self._width}} | {text}")

    def _write(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line, or nothing at the end of the log."""
    try:
        return await reader.readline()
    except ValueError:
        # Longer than the limit; what was buffered of it is dropped, the next line is whole again.
        return b"(a line too long to show)"


def readiness_problem(url: str) -> str:
    """Return an empty string when the site is ready, else which part is not."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
    try:
        connection.request("GET", address.path, headers={"Host": f"localhost:{address.port}"})
        response = connection.getresponse()
        body = response.read(64 * 1024)
    except (OSError, http.client.HTTPException):
        return "web does not answer"
    finally:
        connection.close()
    return "" if response.status == http.HTTPStatus.OK else _failed_parts(body, response.status)


def _failed_parts(body: bytes, status: int) -> str:
    try:
        parts = json.loads(body)
        failed = [f"{name} {facts['detail']}" for name, facts in parts.items() if isinstance(facts, dict)]
    except (ValueError, AttributeError, KeyError):
        return f"web answers with status {status}"
    return ", ".join(text.strip() for text in failed if not text.endswith(" "))


def _end_with(parent_pid: int) -> Callable[[], None] | None:
    """Return a function for the child that asks the kernel to end it when the supervisor dies, however it dies."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:
            # It died between the fork and the line above.
            os._exit(1)

    return ask


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _reason(exit_code: int) -> str:
    if exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


def main() -> None:
    plan = Plan.from_json(sys.argv[1])
    asyncio.run(Supervisor(plan).run())


if __name__ == "__main__":
    main()
