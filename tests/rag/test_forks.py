"""The process that forks one for each file: what a fork sees, how it ends, and what ends it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import psutil
import pytest

from rag.extraction import limits
from rag.extraction.forks import Fork, Nursery

ROOT = Path(__file__).resolve().parents[2]

# Starts a fork that waits for its file for ever, tells both processes, and waits to be killed.
_OWNER = """
import os, psutil, sys, time
from rag.extraction.forks import nursery
read_end, _ = os.pipe()
with os.fdopen(read_end, "rb") as waiting:
    fork = nursery.fork(["text", "a.txt"], waiting)
    while len(found := psutil.Process().children(recursive=True)) < 2:
        os.sched_yield()
    print(*(process.pid for process in found), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    own = Nursery()
    yield own
    own.close()


@contextmanager
def reading(nursery: Nursery, text: bytes, name: str = "a.txt") -> Iterator[Fork]:
    with TemporaryFile() as file:
        file.write(text)
        file.seek(0)
        fork = nursery.fork(["text", name], file)
        yield fork
        fork.close()


@contextmanager
def waiting(nursery: Nursery) -> Iterator[tuple[Fork, psutil.Process]]:
    """Yield a fork whose file does not come, and its process, which has bounded itself."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as source:
        fork = nursery.fork(["text", "a.txt"], source)
        process = only_child(process_of(nursery))
        while process.rlimit(resource.RLIMIT_CORE) != (0, 0) or process.nice() == os.getpriority(os.PRIO_PROCESS, 0):
            os.sched_yield()
        yield fork, process
        fork.close()
    os.close(write_end)


def process_of(nursery: Nursery) -> psutil.Process:
    assert nursery._process is not None
    return psutil.Process(nursery._process.pid)


def only_child(process: psutil.Process) -> psutil.Process:
    while not (found := process.children()):
        os.sched_yield()
    (child,) = found
    return child


def result(fork: Fork) -> bytes:
    return fork.stdout.read().partition(b"\n")[2]


def test_a_fork_reads_its_file_and_ends(nursery: Nursery) -> None:
    with reading(nursery, b"The ferry carries ninety cars.") as fork:
        assert result(fork) == b"The ferry carries ninety cars."
        assert fork.wait() == 0

    assert process_of(nursery).children() == []


def test_forks_at_work_at_once_get_their_own_results(nursery: Nursery) -> None:
    def read(number: int) -> bytes:
        with reading(nursery, b"Text number %d." % number) as fork:
            return result(fork)

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(read, range(40)))

    assert found == [b"Text number %d." % number for number in range(40)]


def test_a_failure_is_told_and_costs_the_next_nothing(nursery: Nursery) -> None:
    with reading(nursery, b"text") as fork:
        fork.wait()
    with TemporaryFile() as file:
        failed = nursery.fork(["no such job"], file)
        assert failed.wait() == 1
        failed.close()

    with reading(nursery, b"text") as fork:
        assert fork.wait() == 0


def test_a_fork_is_bounded_and_sees_nothing_of_ours(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTH_SECRET_KEY", "x" * 40)

    with waiting(nursery) as (_, process), waiting_beside(nursery):
        assert set(process.environ()) == {"PYTHONPATH", "LANG", "PATH"}
        assert process.cwd() == "/"
        assert process.num_fds() == 3
        assert process.rlimit(resource.RLIMIT_AS) == (limits.MEMORY_BYTES, limits.MEMORY_BYTES)
        assert process.rlimit(resource.RLIMIT_FSIZE) == (0, 0)
        assert process.rlimit(resource.RLIMIT_CPU) == (limits.CPU_S, limits.CPU_S + 5)


@contextmanager
def waiting_beside(nursery: Nursery) -> Iterator[None]:
    """A second fork, begun later: the first must not hold anything of it."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as source:
        fork = nursery.fork(["text", "b.txt"], source)
        yield
        fork.close()
    os.close(write_end)


def test_a_killed_fork_is_gone_and_told(nursery: Nursery) -> None:
    with waiting(nursery) as (fork, process):
        fork.kill()

        process.wait(10)
        assert fork.wait() == -signal.SIGKILL
        assert fork.stdout.read() == b""


def test_a_fork_that_something_else_kills_is_told(nursery: Nursery) -> None:
    with waiting(nursery) as (fork, process):
        process.send_signal(signal.SIGXCPU)

        assert fork.wait() == -signal.SIGXCPU


def test_the_nursery_comes_back_when_it_was_killed(nursery: Nursery) -> None:
    with waiting(nursery) as (fork, process):
        process_of(nursery).kill()

        assert fork.wait() == -signal.SIGKILL
        process.wait(10)

    with reading(nursery, b"Again.") as again:
        assert result(again) == b"Again."


def test_nothing_outlives_the_owner() -> None:
    with subprocess.Popen(  # noqa: S603  (our own code)
        [sys.executable, "-c", _OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        processes = [psutil.Process(int(pid)) for pid in owner.stdout.readline().split()]

        owner.kill()

    assert len(processes) == 2
    for process in processes:
        process.wait(10)


def test_closing_ends_the_nursery_and_its_forks(nursery: Nursery) -> None:
    with waiting(nursery) as (_, process):
        nursery.close()

        process.wait(10)
