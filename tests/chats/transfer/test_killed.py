"""kill -9 at chance moments of an import of chats, with a real database file, a real archive and the real loop."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.lives import lives_of, wait_for

N_KILLS = 6
N_CHATS = 200
N_MESSAGES = 12


def test_an_import_that_is_killed_again_and_again_becomes_whole(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311  (moments, no secrets)
    with lives_of("tests.chats.transfer.killed", tmp_path) as lives:
        pid = lives.begin()
        n_taken = [0]
        with closing(sqlite3.connect(tmp_path / "hearth.sqlite3")) as rows:
            for number in range(1, N_KILLS + 1):
                # Each life does some chats more than the one before; the moment within one is left to chance.
                wait_for(lambda n=number: n_noted(rows) >= n * N_CHATS // (N_KILLS + 2))
                time.sleep(chance.uniform(0, 0.05))
                cut_off = lives.kill(pid)
                n_taken.append(cut_off["n_chats"])
                assert cut_off["n_whole"] == cut_off["n_noted"] == cut_off["n_counted"] == n_taken[-1]
                assert cut_off["n_below_another"] == n_taken[-1] * (N_MESSAGES - 1)
                assert (cut_off["state"], cut_off["n_files"]) == ("running", 1)
                assert cut_off["n_asked"] == n_taken[-1]
                assert cut_off["n_left"] == cut_off["n_unsent"] == cut_off["n_temporary"] == 0
                pid = lives.begin()
            # That the file is forgotten is the last that an import does.
            wait_for(lambda: rows.execute("SELECT file FROM chats_chatimport").fetchone() == ("",))
            whole = lives.kill(pid)

    assert sorted(set(n_taken)) == n_taken
    assert whole == {
        "state": "done", "n_chats": N_CHATS, "n_whole": N_CHATS, "n_below_another": N_CHATS * (N_MESSAGES - 1),
        "n_noted": N_CHATS, "n_counted": N_CHATS, "n_files": 0, "n_asked": N_CHATS, "n_left": 0, "n_unsent": 0,
        "n_pictures": N_CHATS // 10, "n_temporary": 0,
    }  # fmt: skip


def n_noted(rows: sqlite3.Connection) -> int:
    (count,) = rows.execute("SELECT count(*) FROM chats_importedchat").fetchone()
    return int(count)
