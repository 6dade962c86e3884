"""What happens to everybody else when one model fails, and what is left behind: real processes only."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.doubles import gguf_files
from tests.doubles.model_server import ModelServer, seconds_until

pytestmark = pytest.mark.model

MEBIBYTE = 1024 * 1024
WINDOW, ENDLESS_WINDOW = 4096, 131072
FAILED_S = 2.0
"""Until somebody whose runner was killed is told; some hundredths of a second are usual."""
GIVEN_BACK_S = 5.0
N_WARM, N_LOADS = 4, 16
GROWTH = 2 * MEBIBYTE
"""What the server's memory may grow by over that many loads; a kept load would cost 0.3 MiB and more each."""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, scripted_gguf: Path, endless_gguf: Path) -> Path:
    """A folder with `scripted`, `endless`, `roomy` and `vast`."""
    folder = tmp_path_factory.mktemp("faults") / "models"
    folder.mkdir()
    shutil.copy(scripted_gguf, folder / "scripted.gguf")
    shutil.copy(endless_gguf, folder / "endless.gguf")
    gguf_files.build_roomy(folder / "roomy.gguf")
    gguf_files.build_vast(folder / "vast.gguf")
    return folder


@pytest.fixture(scope="session")
def model_server(models: Path) -> Iterator[ModelServer]:
    with ModelServer(models.parent, OLLAMA_CONTEXT_LENGTH=str(WINDOW), OLLAMA_NUM_PARALLEL="1") as server:
        yield server


@contextmanager
def answering(server: ModelServer, model: str) -> Iterator[Iterator[Mapping[str, Any]]]:
    """Let a model count for long, and give the lines of the answer after the first one."""
    body = question(model, num_ctx=ENDLESS_WINDOW, num_predict=ENDLESS_WINDOW)
    with httpx.stream("POST", f"{server.url}/api/chat", json=body, timeout=60, trust_env=False) as response:
        lines = map(json.loads, response.iter_lines())
        next(lines)
        yield lines


def goes_on(lines: Iterator[Mapping[str, Any]], since: datetime) -> bool:
    """Return whether an answer goes on after a moment, without an error."""
    later: Iterator[Mapping[str, Any]] = dropwhile(lambda line: _written_at(line) < since, lines)
    return [line.get("done") for line in islice(later, 30)] == [False] * 30


def _written_at(line: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(line["created_at"])


def question(model: str, **options: int) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], "options": options}


def pid_of(server: ModelServer, model: str) -> int:
    runner = server.runner(f"{model}:latest")
    assert runner is not None
    return int(runner["pid"])


def unload(server: ModelServer, *models: str) -> None:
    for model in models:
        server.http.post("/api/generate", json={"model": model, "keep_alive": 0}).raise_for_status()


def test_a_killed_runner_fails_its_own_answers_and_no_others(model_server: ModelServer) -> None:
    with answering(model_server, "endless") as others, answering(model_server, "roomy") as lines:
        os.kill(pid_of(model_server, "roomy"), signal.SIGKILL)
        killed_at = datetime.now(UTC)
        *_, last = lines
        told_at = datetime.now(UTC)
        is_undisturbed = goes_on(others, told_at)

    assert last["error"] == "model runner has unexpectedly stopped (signal 9); the next request starts it again"
    assert (told_at - killed_at).total_seconds() < FAILED_S
    assert is_undisturbed
    again = model_server.http.post("/api/chat", json=question("roomy", num_predict=3) | {"stream": False})
    assert again.json()["eval_count"] == 3


def test_a_model_that_cannot_fit_is_refused_with_numbers_before_it_is_loaded(model_server: ModelServer) -> None:
    answer = model_server.http.post("/api/chat", json=question("vast", num_ctx=1_048_576))

    assert answer.status_code == 500
    assert re.search(
        r"model requires more system memory \([\d,.]+ GB\) than is available \([\d.]+ GB\)", answer.json()["error"]
    )
    assert model_server.runner("vast:latest") is None


def test_memory_that_runs_out_while_loading_is_told_and_disturbs_nobody(tmp_path: Path, models: Path) -> None:
    shutil.copytree(models, tmp_path / "models")
    with ModelServer(tmp_path, OLLAMA_CONTEXT_LENGTH=str(WINDOW), OLLAMA_NUM_PARALLEL="1") as server:
        server.http.post("/api/chat", json=question("roomy", num_predict=1)).raise_for_status()
        limit = _data_bytes(pid_of(server, "roomy")) + 60 * MEBIBYTE
        unload(server, "roomy")
        with answering(server, "endless") as others:
            resource.prlimit(server.process.pid, resource.RLIMIT_DATA, (limit, limit))
            large = server.http.post("/api/chat", json=question("roomy", num_ctx=131072))
            small = server.http.post("/api/chat", json=question("roomy", num_predict=3) | {"stream": False})
            is_undisturbed = goes_on(others, datetime.now(UTC))

    assert large.status_code == 500
    assert re.search(
        r"unable to load model 'roomy:latest': .* memory.*; \d+ MB were expected: \d+ MB for the weights, "
        r"\d+ MB for a context window of 131072 tokens in 1 slot, \d+ MB to work with\. A smaller context window",
        large.json()["error"],
    )
    assert small.json()["eval_count"] == 3
    assert is_undisturbed


def _data_bytes(pid: int) -> int:
    """Return the private memory that a process has asked for, which is what RLIMIT_DATA limits."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmData:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def test_unloading_gives_the_memory_back(model_server: ModelServer) -> None:
    unload(model_server, "roomy", "endless", "scripted")
    before = _tree_bytes(model_server)
    model_server.http.post("/api/chat", json=question("roomy", num_ctx=131072, num_predict=3)).raise_for_status()
    loaded = _tree_bytes(model_server)

    unload(model_server, "roomy")

    assert loaded > 1.5 * before
    assert seconds_until(lambda: _tree_bytes(model_server) < 1.1 * before) < GIVEN_BACK_S
    assert model_server.http.get("/").text == "Ollama is running"


def _tree_bytes(server: ModelServer) -> int:
    processes = [psutil.Process(server.process.pid), *server.children()]
    return sum(process.memory_info().rss for process in processes)


def test_nothing_is_left_of_a_load_in_the_server(model_server: ModelServer) -> None:
    def load_and_unload(n_times: int) -> None:
        for _ in range(n_times):
            model_server.http.post("/api/chat", json=question("scripted", num_predict=2)).raise_for_status()
            unload(model_server, "scripted")

    unload(model_server, "roomy", "endless")
    process = psutil.Process(model_server.process.pid)
    load_and_unload(N_WARM)
    before = process.memory_info().rss, process.num_fds(), process.num_threads()

    load_and_unload(N_LOADS)

    after = process.memory_info().rss, process.num_fds(), process.num_threads()
    assert after[0] - before[0] < GROWTH
    assert after[1] <= before[1]
    # A pool of threads may still fill up; what every load leaves behind would be more.
    assert after[2] - before[2] < N_LOADS / 2
    assert model_server.children() == []
