"""Sockets break and the web process dies while answers are written: what is stored is what the model has said."""

from __future__ import annotations

import random
from pathlib import Path

from bench.breaks import LAST_SECOND_S, N_READERS, measure
from tests.database import put_data

# Other processes of the suite may hold up the journal for so long.
BUSY_S = 0.5


def test_answers_survive_broken_connections_and_restarts(tmp_path: Path) -> None:
    # As its site would make it, which takes longer than all that is measured.
    put_data(tmp_path / "breaks")

    outcome = measure(tmp_path, n_breaks=200, n_restarts=2, seed=random.randrange(2**32))  # noqa: S311

    assert outcome.faults == [], f"seed {outcome.seed}"
    assert outcome.broken.total() == 200, outcome
    assert outcome.n_whole >= N_READERS, outcome
    assert {how for how, _ in outcome.missing_s} == {"SIGKILL", "SIGTERM"}
    assert max(missing_s for _, missing_s in outcome.missing_s) <= LAST_SECOND_S + BUSY_S, outcome
