"""kill -9 at every step of an ingestion, with real processes, a real database file and a real index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
