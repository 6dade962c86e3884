"""Ask the machine what memory it has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def available_bytes(runner_pids: Sequence[int] = ()) -> int:
    """Return the memory that can be used without swapping: the machine's, or the container's when that is less.

    The kernel counts the mapped weights of loaded models as free, because it could read them again; while their
    runners live they are not.
    """
    machine = psutil.virtual_memory().available
    container = _container_bytes()
    free = machine if container is None else min(machine, container)
    return free - sum(_mapped_bytes(pid) for pid in runner_pids)


def _mapped_bytes(pid: int) -> int:
    try:
        return int(getattr(psutil.Process(pid).memory_info(), "shared", 0))
    except psutil.Error:
        return 0


def _container_bytes() -> int | None:
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
        cached = _inactive_file_bytes((_CGROUP / "memory.stat").read_text())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(0, int(limit) - used + cached)


def _inactive_file_bytes(stat: str) -> int:
    for line in stat.splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0


def human_bytes(n_bytes: int) -> str:
    return f"{n_bytes / 10**9:.1f} GB" if n_bytes >= 10**9 else f"{n_bytes / 10**6:.0f} MB"
