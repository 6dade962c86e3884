"""kill -9 at chance moments of an import of chats, with a real database file, a real archive and the real loop."""

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

N_KILLS = 6
N_CHATS = 200
N_MESSAGES = 12
ROOT = Path(__file__).resolve().parents[3]


def test_an_import_that_is_killed_again_and_again_becomes_whole(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311  (moments, no secrets)
    with subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-m", "tests.chats.transfer.killed"],
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
                # Each life does some chats more than the one before; the moment within one is left to chance.
                wait_for(lambda n=number: n_noted(rows) >= n * N_CHATS // (N_KILLS + 2))
                time.sleep(chance.uniform(0, 0.05))
                cut_off = kill(pid)
                n_taken.append(cut_off["n_chats"])
                assert cut_off["n_whole"] == cut_off["n_noted"] == cut_off["n_counted"] == n_taken[-1]
                assert cut_off["n_below_another"] == n_taken[-1] * (N_MESSAGES - 1)
                assert (cut_off["state"], cut_off["n_files"]) == ("running", 1)
                pid = begin()
            # That the file is forgotten is the last that an import does.
            wait_for(lambda: rows.execute("SELECT file FROM chats_chatimport").fetchone() == ("",))
            whole = kill(pid)
        lives.stdin.close()

    assert sorted(set(n_taken)) == n_taken
    assert whole == {
        "state": "done", "n_chats": N_CHATS, "n_whole": N_CHATS, "n_below_another": N_CHATS * (N_MESSAGES - 1),
        "n_noted": N_CHATS, "n_counted": N_CHATS, "n_files": 0,
    }  # fmt: skip


def n_noted(rows: sqlite3.Connection) -> int:
    (count,) = rows.execute("SELECT count(*) FROM chats_importedchat").fetchone()
    return int(count)


def wait_for(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
