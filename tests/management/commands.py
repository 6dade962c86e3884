"""Runs the real command line in a process of its own, with a data folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def environment_for(data: Path, **extra: str) -> dict[str, str]:
    names = ("PATH", "HOME", "LANG", "TMPDIR")
    inherited = {name: os.environ[name] for name in names if name in os.environ}
    return {**inherited, "HEARTH_DATA": str(data), "HEARTH_ENV_FILE": os.devnull, **extra}


def hearth(data: Path, *arguments: str, stdin: str = "", **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  (our own command)
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=environment_for(data, **extra),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=data.parent,
    )
