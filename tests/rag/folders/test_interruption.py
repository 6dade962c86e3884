"""kill -9 while a folder is kept, with real processes, a real database file and a real index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
LONG_AGO = 1_700_000_000


def start(step: str, data: Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-m", "tests.rag.folders.interrupted_sync", step, str(folder)],
        cwd=ROOT,
        env={**os.environ, "HEARTH_DATA": str(data), "HEARTH_FOLDERS": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_at(step: str, data: Path, folder: Path) -> None:
    with start(step, data, folder) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "standing still\n"
        killed.kill()


def finish(data: Path, folder: Path) -> dict[str, Any]:
    with start("none", data, folder) as resumed:
        output, _ = resumed.communicate(timeout=120)
    facts: dict[str, Any] = json.loads(output)
    return facts


def put(path: Path, content: str, at: int = LONG_AGO) -> None:
    path.write_text(content)
    os.utime(path, (at, at))


@pytest.mark.parametrize("step", ["note", "attach", "exchange"])
def test_a_killed_sync_goes_on_after_the_restart(step: str, tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "srv"
    folder.mkdir()
    put(folder / "a.txt", "The lighthouse was built in 1902.")
    put(folder / "b.txt", "Locker 7 belongs to Ada.")
    if step == "exchange":
        finish(data, folder)
        put(folder / "a.txt", "The lighthouse was built in 1911.", at=LONG_AGO + 1)
        texts = ["Locker 7 belongs to Ada.", "The lighthouse was built in 1911."]
    else:
        texts = ["Locker 7 belongs to Ada.", "The lighthouse was built in 1902."]

    kill_at(step, data, folder)
    facts = finish(data, folder)

    assert facts == {
        "texts": texts, "states": ["ready"], "n_files": 2, "n_memberships": 2, "n_chunks": 2, "n_lexical": 2,
        "n_vectors": 2, "n_stored": 2,
    }  # fmt: skip
