"""kill -9 at chance moments of an import, with a real database file, a real archive and the real loop."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.lives import lives_of, wait_for
from tests.rag.killed_import import N_FILES

N_KILLS = 8


def test_an_import_that_is_killed_again_and_again_becomes_whole(tmp_path: Path) -> None:
    chance = random.Random(4)  # noqa: S311  (moments, no secrets)
    with lives_of("tests.rag.killed_import", tmp_path) as lives:
        pid = lives.begin()
        n_taken = [0]
        with closing(sqlite3.connect(tmp_path / "hearth.sqlite3")) as rows:
            for number in range(1, N_KILLS + 1):
                # Each life does some files more than the one before; the moment within one is left to chance.
                wait_for(lambda n=number: n_noted(rows) >= n * N_FILES // (N_KILLS + 2))
                time.sleep(chance.uniform(0, 0.05))
                cut_off = lives.kill(pid)
                n_taken.append(n_noted(rows))
                assert cut_off["n_homeless"] == cut_off["n_fileless"] == 0
                assert cut_off["n_documents"] == cut_off["n_noted"] == n_taken[-1]
                assert (cut_off["state"], cut_off["n_archives"]) == ("running", 1)
                pid = lives.begin()
            # That the archive is forgotten is the last that an import does.
            wait_for(lambda: rows.execute("SELECT file FROM rag_knowledgeimport").fetchone() == ("",))
            whole = lives.kill(pid)

    assert sorted(set(n_taken)) == n_taken
    assert whole == {
        "state": "done", "n_documents": N_FILES, "n_homeless": 0, "n_noted": N_FILES, "n_fileless": 0, "n_archives": 0,
    }  # fmt: skip


def n_noted(rows: sqlite3.Connection) -> int:
    (count,) = rows.execute("SELECT count(*) FROM rag_importedfile").fetchone()
    return int(count)
