"""The real site for browser tests: the processes of `up`, on a free port, over a data folder that is thrown away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.database import put_data

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running site. `log` holds what its processes wrote."""

    url: str
    data: Path
    log: Path
    process: subprocess.Popen[bytes]


@contextmanager
def running_site(data: Path, *, model_url: str = "", built_in_url: str = "", **environment: str) -> Iterator[Site]:
    """Run the site, with `model_url` as its one Ollama connection and open sign-up.

    `built_in_url` stands in for the model server; without one, the real one is started too.
    """
    if not data.exists():
        put_data(data)
    port = free_port()
    log = data.parent / f"{data.name}.log"
    settings = {
        "HEARTH_DATA": str(data),
        "HEARTH_PORT": str(port),
        "HEARTH_SIGNUP": "open",
        "HEARTH_AFTERTHOUGHTS": "no",
        "HEARTH_ENV_FILE": os.devnull,
        "OLLAMA_BASE_URLS": model_url,
        "OLLAMA_HOST": f"127.0.0.1:{free_port()}",
        **({"HEARTH_INFERENCE_URL": built_in_url} if built_in_url else {}),
        **environment,
    }
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("HEARTH_", "OLLAMA_", "OPENAI_"))
    }
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  (our own command)
            [sys.executable, str(ROOT / "manage.py"), "up"],
            cwd=ROOT,
            env=inherited | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    site = Site(url=f"http://localhost:{port}", data=data, log=log, process=process)
    try:
        _wait_until_alive(site)
        yield site
    finally:
        stop(site)


def environment_of(site: Site) -> dict[str, str]:
    """Return what a program needs that is to work beside the processes of a site."""
    variables = Path(f"/proc/{site.process.pid}/environ").read_text().split("\0")
    named = (variable.split("=", 1) for variable in variables if "=" in variable)
    return {name: value for name, value in named if name.startswith(("HEARTH_", "OLLAMA_", "PATH", "PYTHON"))}


def stop(site: Site) -> None:
    if site.process.poll() is not None:
        return
    site.process.send_signal(signal.SIGTERM)
    try:
        site.process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(site.process.pid, signal.SIGKILL)
        site.process.wait(STOP_TIMEOUT_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_alive(site: Site) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert site.process.poll() is None, f"the site ended while it started:\n{site.log.read_text()}"
        try:
            with urllib.request.urlopen(f"{site.url}/health", timeout=2):  # noqa: S310  (our own address)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the site did not start within {START_TIMEOUT_S} s:\n{site.log.read_text()}")
