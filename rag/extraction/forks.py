"""The owner's side of the nursery: start it once, and let it fork a process for each file."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import rag

_SOURCE_ROOT = Path(rag.__file__).resolve().parents[1]
_END_TIMEOUT_S = 5.0


class Fork:
    """One forked process. Its result is read from `stdout`; whoever started it calls `close`."""

    def __init__(self, line: socket.socket, stdout: IO[bytes]) -> None:
        self.stdout = stdout
        self._line = line

    def wait(self) -> int:
        """Return the exit code, negative for a signal. Blocks; also without one when the nursery itself was killed."""
        told = self._line.recv(16)
        return int(told) if told else -signal.SIGKILL

    def kill(self) -> None:
        """End it, if it still runs. From any thread."""
        try:
            self._line.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It has ended, and its line with it.
            return

    def close(self) -> None:
        self.kill()
        self._line.close()
        self.stdout.close()


class Nursery:
    """The process that forks, started when it is first needed and again when it is gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def fork(self, arguments: list[str], source: IO[bytes]) -> Fork:
        """Let a process do what `jobs` says with a file. Raises OSError when none can be started."""
        read_end, output = os.pipe()
        line, other = socket.socketpair()
        try:
            with self._lock:
                try:
                    self._order(arguments, [source.fileno(), output, other.fileno()])
                except OSError:
                    # Killed from outside, as by a machine short of memory.
                    self._end()
                    self._order(arguments, [source.fileno(), output, other.fileno()])
        except BaseException:
            os.close(read_end)
            line.close()
            raise
        finally:
            os.close(output)
            other.close()
        return Fork(line, os.fdopen(read_end, "rb"))

    def close(self) -> None:
        """End the process and all that it has forked."""
        with self._lock:
            self._end()

    def _order(self, arguments: list[str], descriptors: list[int]) -> None:
        message = json.dumps(arguments).encode()
        connection = self._socket or self._start()
        socket.send_fds(connection, [len(message).to_bytes(4)], descriptors)
        connection.sendall(message)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603  (our own module, arguments as a list, no shell)
                    command("rag.extraction.nursery", [str(theirs.fileno())]),
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=environment(),
                    cwd="/",
                )
            except OSError:
                ours.close()
                raise
        self._socket = ours
        return ours

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            try:
                self._process.wait(_END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._socket, self._process = None, None


def command(module: str, arguments: list[str]) -> list[str]:
    return [sys.executable, "-P", "-s", "-B", "-m", module, *arguments]


def environment() -> dict[str, str]:
    return {"PYTHONPATH": str(_SOURCE_ROOT), "LANG": "C.UTF-8", "PATH": os.defpath}


nursery = Nursery()
atexit.register(nursery.close)
