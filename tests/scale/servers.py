"""A real PostgreSQL and a real Redis, each for one test run: own folder, own loopback port, thrown away at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from tests.doubles.vector_servers import free_port, postgresql_with_pgvector

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 10
SUPERUSER = "postgres"
PASSWORD = "only for this test run"
# What a crash of the machine would lose is of no interest here, and flushing costs seconds.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")


class ProgramMissing(Exception):
    """A server that these tests need is not installed."""

    def __init__(self, program: str, package: str) -> None:
        super().__init__(f"{program} was not found. On Debian and Ubuntu: apt-get install {package}")


@contextmanager
def running_postgresql(*, has_vectors: bool = False) -> Iterator[str]:
    """Run a PostgreSQL, with pgvector if asked, and yield the URL of its server, without a database name.

    It refuses to run as root, so for root it belongs to the user `postgres` that its package creates.
    """
    # Not below pytest's own folder, which other users cannot enter.
    with tempfile.TemporaryDirectory(prefix="hearth-postgresql-") as folder:
        owner = _unprivileged_owner(Path(folder))
        if has_vectors:
            programs = postgresql_with_pgvector(Path(folder)) / "bin"
            initdb, postgres = str(programs / "initdb"), str(programs / "postgres")
        else:
            initdb, postgres = _postgresql_program("initdb"), _postgresql_program("postgres")
        data, port = Path(folder) / "data", free_port()
        password_file = Path(folder) / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        # As it is on most servers: passwords over SCRAM, UTF-8, and no locale of a language.
        subprocess.run(  # noqa: S603  (our own command)
            [initdb, "--pgdata", str(data), "--username", SUPERUSER, "--pwfile", str(password_file), "--no-sync",
             "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"],
            check=True, capture_output=True, user=owner, group=owner, extra_groups=[] if owner else None, cwd=folder,
        )  # fmt: skip
        options = [word for option in FAST for word in ("-c", option)]
        command = [postgres, "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", folder, *options]
        url = f"postgres://{SUPERUSER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}"
        with _running(command, Path(folder) / "log", lambda: _answers_queries(url), owner, signal.SIGINT):
            yield url


@contextmanager
def running_redis() -> Iterator[str]:
    """Run a Redis and yield its URL, without a database number."""
    program = shutil.which("redis-server")
    if program is None:
        raise ProgramMissing("redis-server", "redis-server")
    with tempfile.TemporaryDirectory(prefix="hearth-redis-") as folder:
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with _running(command, Path(folder) / "log", lambda: _pongs(port), None, signal.SIGTERM):
            yield f"redis://127.0.0.1:{port}"


def _postgresql_program(name: str) -> str:
    """Return the path of a program that Debian keeps off the PATH; the newest version's."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise ProgramMissing(name, "postgresql")
    return program


def _unprivileged_owner(folder: Path) -> str | None:
    """Give the folder to the user who runs the server; None is whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SUPERUSER)
    except KeyError:
        raise ProgramMissing(f"the user {SUPERUSER}", "postgresql") from None
    shutil.chown(folder, SUPERUSER, SUPERUSER)
    return SUPERUSER


@contextmanager
def _running(
    command: Sequence[str], log: Path, is_ready: Callable[[], bool], user: str | None, stop_signal: signal.Signals
) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  (our own command)
            command, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent,
            user=user, group=user, extra_groups=[] if user else None, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not is_ready():
            assert process.poll() is None, f"{command[0]} ended while it started:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"{command[0]} did not start:\n{log.read_text()}"
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(stop_signal)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_TIMEOUT_S)


def _answers_queries(url: str) -> bool:
    try:
        psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _pongs(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as redis:
            redis.sendall(b"PING\r\n")
            return redis.recv(5) == b"+PONG"
    except OSError:
        return False


def new_database(server_url: str, name: str) -> str:
    """Create an empty database and return its URL."""
    with psycopg.connect(f"{server_url}/postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"{server_url}/{name}"
