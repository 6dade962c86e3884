"""kill -9 at every step of an ingestion, with real processes, a real database file and a real index."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.doubles import gguf_files
from tests.doubles.model_server import ModelServer

N_KILLS = 20
N_FILES = 50
N_LEFT = N_FILES - N_KILLS + 1
ROOT = Path(__file__).resolve().parents[2]


def start(step: str, data_folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-m", "tests.rag.interrupted_ingestion", step],
        cwd=ROOT,
        env={**os.environ, "HEARTH_DATA": str(data_folder)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("step", ["extract", "embed", "store_vectors"])
def test_a_killed_ingestion_is_finished_after_the_restart(step: str, tmp_path: Path) -> None:
    with start(step, tmp_path) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "standing still\n"
        killed.kill()

    with start("none", tmp_path) as resumed:
        output, _ = resumed.communicate(timeout=120)

    facts = json.loads(output)
    assert facts["state"] == "ready"
    assert facts["n_chunks"] == facts["n_rows"] == facts["n_lexical"] == facts["n_vectors"] > 100
    if step != "extract":
        # What had its vector before is not embedded again.
        assert facts["n_embedded"] < facts["n_chunks"]


@pytest.mark.model
def test_twenty_kills_leave_every_file_whole(tmp_path: Path) -> None:
    """Spread over the ingestion of fifty files, and over the building of a second index that begins in its middle.

    In every life but the first, one more of the files that came first is deleted.
    """
    chance = random.Random(9)  # noqa: S311  (moments, no secrets)
    data = tmp_path / "data"
    (data / "models").mkdir(parents=True)
    for name, n_dims in (("small", 64), ("other", 96)):
        gguf_files.build_embedding(data / "models" / f"{name}.gguf", n_dims=n_dims)
    with ModelServer(data) as server, subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-m", "tests.rag.killed_ingestion"],
        cwd=ROOT,
        env={**os.environ, "HEARTH_DATA": str(data), "HEARTH_INFERENCE_URL": server.url},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as lives:  # fmt: skip
        assert lives.stdin
        assert lives.stdout

        def begin(**life: object) -> int:
            lives.stdin.write(json.dumps(life) + "\n")
            lives.stdin.flush()
            return int(lives.stdout.readline())

        assert json.loads(lives.stdout.readline()) == "uploaded"
        n_done = []
        with closing(sqlite3.connect(data / "hearth.sqlite3")) as rows:
            for number in range(N_KILLS):
                deleted = list(range(number))
                pid = begin(embedder="small" if number < N_KILLS // 2 else "other", deleted=deleted)
                # Each life does some steps more than the one before; the very moment within a step is left to chance.
                wait_for(lambda target=number * N_LEFT / N_KILLS: n_ready(rows) >= target)
                time.sleep(chance.uniform(0, 0.3))
                os.kill(pid, signal.SIGKILL)
                n_done.append(n_ready(rows))
                assert json.loads(lives.stdout.readline()) == "ended"
        begin(embedder="other", finish=True, deleted=deleted)
        facts = json.loads(lives.stdout.readline())
        lives.stdin.close()

    assert facts["check"] == [0, "Documents, words, vectors and stored files agree.\n"]
    assert facts["n_ready"] == facts["n_files"] == N_LEFT
    assert facts["n_removals"] == 0
    assert facts["n_versions"] == 2
    assert n_done[0] < 5
    assert N_LEFT - 5 <= n_done[-1] <= N_LEFT + 1


def n_ready(rows: sqlite3.Connection) -> int:
    (count,) = rows.execute("SELECT count(*) FROM rag_document WHERE state = 'ready'").fetchone()
    return int(count)


def wait_for(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
