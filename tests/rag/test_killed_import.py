"""kill -9 at chance moments of an import, with a real database file, a real archive and the real loop."""

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
from typing import Any

from tests.rag.killed_import import N_FILES

N_KILLS = 8
ROOT = Path(__file__).resolve().parents[2]


def test_an_import_that_is_killed_again_and_again_becomes_whole(tmp_path: Path) -> None:
    chance = random.Random(4)  # noqa: S311  (moments, no secrets)
    with subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-m", "tests.rag.killed_import"],
        cwd=ROOT,
        env={**os.environ, "HEARTH_DATA": str(tmp_path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as lives:  # fmt: skip
        assert lives.stdin
        assert lives.stdout

        def begin() -> int:
            lives.stdin.write("live\n")
            lives.stdin.flush()
            return int(lives.stdout.readline())

        def kill(pid: int) -> dict[str, Any]:
            os.kill(pid, signal.SIGKILL)
            found: dict[str, Any] = json.loads(lives.stdout.readline())
            return found

        pid = begin()
        n_taken = [0]
        with closing(sqlite3.connect(tmp_path / "hearth.sqlite3")) as rows:
            for number in range(1, N_KILLS + 1):
                # Each life does some files more than the one before; the moment within one is left to chance.
                wait_for(lambda n=number: n_noted(rows) >= n * N_FILES // (N_KILLS + 2))
                time.sleep(chance.uniform(0, 0.05))
                cut_off = kill(pid)
                n_taken.append(n_noted(rows))
                assert cut_off["n_homeless"] == cut_off["n_fileless"] == 0
                assert cut_off["n_documents"] == cut_off["n_noted"] == n_taken[-1]
                assert (cut_off["state"], cut_off["n_archives"]) == ("running", 1)
                pid = begin()
            # That the archive is forgotten is the last that an import does.
            wait_for(lambda: rows.execute("SELECT file FROM rag_knowledgeimport").fetchone() == ("",))
            whole = kill(pid)
        lives.stdin.close()

    assert sorted(set(n_taken)) == n_taken
    assert whole == {
        "state": "done", "n_documents": N_FILES, "n_homeless": 0, "n_noted": N_FILES, "n_fileless": 0, "n_archives": 0,
    }  # fmt: skip


def n_noted(rows: sqlite3.Connection) -> int:
    (count,) = rows.execute("SELECT count(*) FROM rag_importedfile").fetchone()
    return int(count)


def wait_for(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
