from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from webui.management.supervisor import ChildSpec, Plan, inherited_environment, readiness_problem

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 20.0

# A child with a child of its own, which ignores the polite signal.
STUBBORN_CHILD = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("inner", inner.pid, flush=True)
time.sleep(600)
"""
POLITE_CHILD = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("goodbye", flush=True), sys.exit(0)))
print("started", os.getpid(), flush=True)
while True:
    time.sleep(0.05)
"""


def child(name: str, code: str, *, knows_secrets: bool = False) -> ChildSpec:
    return ChildSpec(name=name, command=[sys.executable, "-c", textwrap.dedent(code)], knows_secrets=knows_secrets)


class Supervised:
    """A running supervisor and what it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def line_with(self, text: str, *, number: int = 1) -> str:
        """Return the number-th line that holds a text, waiting for it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            while len(found := [line for line in self.lines if text in line]) < number:
                raw = await self.process.stdout.readline()
                assert raw, f"ended without {text!r}: {self.lines}"
                self.lines.append(raw.decode().rstrip())
        return found[number - 1]

    async def pid_after(self, text: str, *, number: int = 1) -> int:
        return int((await self.line_with(text, number=number)).rsplit(" ", 1)[-1])

    async def ended(self) -> int:
        async with asyncio.timeout(DEADLINE_S):
            return await self.process.wait()


@asynccontextmanager
async def supervised(*children: ChildSpec, **environment: str) -> AsyncIterator[Supervised]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "webui.management.supervisor", Plan(children=children, grace_s=0.5).to_json(),
        cwd=ROOT, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Supervised(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # Reads what is left, so that the pipe is closed with the process.
        assert process.stdout is not None
        await process.stdout.read()


async def wait_until_gone(pid: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.02)


async def test_lines_carry_the_name_of_their_child() -> None:
    async with supervised(child("web", POLITE_CHILD), child("inference", POLITE_CHILD)) as running:
        assert (await running.line_with("web       | started")).startswith("web       | ")
        assert (await running.line_with("inference | started")).startswith("inference | ")


async def test_a_child_that_dies_is_started_again() -> None:
    async with supervised(child("web", POLITE_CHILD)) as running:
        first = await running.pid_after("started")
        os.kill(first, signal.SIGKILL)

        assert "killed by SIGKILL" in await running.line_with("web ended")
        assert await running.pid_after("started", number=2) != first


async def test_a_child_that_keeps_failing_is_started_less_and_less_often() -> None:
    async with supervised(child("web", "raise SystemExit(3)")) as running:
        assert "exit code 3" in await running.line_with("again in 0.5 s")
        await running.line_with("again in 1 s")
        await running.line_with("again in 2 s")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_all_politely(number: signal.Signals) -> None:
    async with supervised(child("web", POLITE_CHILD), child("inference", POLITE_CHILD)) as running:
        pids = [await running.pid_after("web       | started"), await running.pid_after("inference | started")]
        running.process.send_signal(number)

        await running.line_with("web       | goodbye")
        await running.line_with("inference | goodbye")
        assert await running.ended() == 0
        assert not any(map(psutil.pid_exists, pids))


async def test_who_does_not_listen_is_ended_with_everything_below_in_time() -> None:
    async with supervised(child("web", STUBBORN_CHILD)) as running:
        inner = await running.pid_after("inner")
        async with asyncio.timeout(10):
            running.process.terminate()
            await running.ended()

        await wait_until_gone(inner)


async def test_grandchildren_do_not_outlive_a_killed_child() -> None:
    async with supervised(child("web", STUBBORN_CHILD)) as running:
        inner = await running.pid_after("inner")
        os.kill(psutil.Process(inner).ppid(), signal.SIGKILL)

        await wait_until_gone(inner)


async def test_children_end_when_the_supervisor_is_killed() -> None:
    async with supervised(child("web", POLITE_CHILD)) as running:
        pid = await running.pid_after("started")
        running.process.kill()

        await wait_until_gone(pid)


async def test_a_line_without_end_does_not_stop_the_log() -> None:
    code = "print('x' * 3_000_000, flush=True)\nprint('after it', flush=True)\nimport time; time.sleep(600)"
    async with supervised(child("web", code)) as running:
        await running.line_with("too long")
        await running.line_with("after it")


async def test_the_model_server_is_given_no_secret() -> None:
    code = "import os; print(sorted(os.environ), flush=True); import time; time.sleep(600)"
    secrets = {"HEARTH_SECRET_KEY": "s", "DATABASE_URL": "s", "OPENAI_API_KEYS": "s", "OLLAMA_API_KEY": "s"}
    async with supervised(child("inference", code), HEARTH_DATA="d", OLLAMA_MODELS="m", **secrets) as running:
        names = await running.line_with("inference | [")

    assert "HEARTH_DATA" in names
    assert "OLLAMA_MODELS" in names
    assert not [name for name in secrets if name in names]


def test_a_child_is_given_the_secrets_that_are_meant_for_it() -> None:
    spec = ChildSpec(name="inference", command=[], own_secrets=("HEARTH_API_KEY",))
    environment = {"HEARTH_API_KEY": "k", "HEARTH_SECRET_KEY": "s", "OLLAMA_API_KEY": "s"}

    assert inherited_environment(spec, environment) == {"HEARTH_API_KEY": "k"}


def test_the_site_is_given_everything_but_the_first_password() -> None:
    spec = ChildSpec(name="web", command=[], knows_secrets=True)
    environment = {"HEARTH_SECRET_KEY": "s", "HEARTH_ADMIN_PASSWORD": "p", "ANYTHING": "x"}

    assert inherited_environment(spec, environment) == {"HEARTH_SECRET_KEY": "s", "ANYTHING": "x"}


def test_a_plan_survives_its_journey_through_the_command_line() -> None:
    plan = Plan(children=[child("web", "pass")], ready_url="http://127.0.0.1:1/ready", address="http://localhost:1")

    assert Plan.from_json(plan.to_json()) == plan


def test_a_site_that_does_not_answer_is_not_ready() -> None:
    assert readiness_problem("http://127.0.0.1:1/ready") == "web does not answer"
