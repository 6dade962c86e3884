"""A process that has our code in memory and forks itself for each file.

A Python that starts from nothing takes 60 ms of a core before it looks at a file, most of what a small one costs; a
fork takes 3. The fork bounds itself before it reads and ends with its one file, as `jobs` says.

Run as `python -m rag.extraction.nursery DESCRIPTOR`, with a socket to its owner. An order is the length of a message
(4 bytes) and the message, a list of arguments in JSON. With the length come three descriptors: the file, where the
result goes, and the line, a socket of this order alone. On it the owner gets the exit code, or hangs up, which kills.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field

# For every fork: what reads the commonest files, but no library of other people's.
from rag.extraction import delimited, detect, jobs, markdown, plain, reading  # noqa: F401

_LENGTH_BYTES = 4
_MOST_DESCRIPTORS = 4096


@dataclass(slots=True)
class _Order:
    arguments: list[str]
    source: int
    output: int
    line: socket.socket


@dataclass(slots=True)
class _Forker:
    """Forks for its owner, and tells it how each fork ended."""

    owner: socket.socket
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _lines: dict[int, socket.socket] = field(default_factory=dict)

    def run(self) -> None:
        """Work until the owner is gone; then all forks are killed."""
        ended, wake_end = os.pipe()
        os.set_blocking(ended, False)
        os.set_blocking(wake_end, False)
        # What a terminal sends to all its processes is the owner's to act upon.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        self._selector.register(ended, selectors.EVENT_READ, None)
        self._selector.register(self.owner, selectors.EVENT_READ, None)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self.owner:
                    order = _next_order(self.owner)
                    if order is None:
                        self._kill_all()
                        return
                    self._fork(order)
                elif key.fileobj == ended:
                    os.read(ended, 4096)
                    self._tell_ends()
                elif self._lines.get(key.data) is key.fileobj:
                    # Hung up. The process is not reaped yet, so its number is nobody else's.
                    self._selector.unregister(key.fileobj)
                    os.kill(key.data, signal.SIGKILL)

    def _fork(self, order: _Order) -> None:
        try:
            pid = os.fork()
        except OSError:
            # Too many processes, or too little memory. The owner sees that its line ends.
            pid = None
        if pid == 0:
            _become_child(order)
        os.close(order.source)
        os.close(order.output)
        if pid is None:
            order.line.close()
            return
        self._lines[pid] = order.line
        self._selector.register(order.line, selectors.EVENT_READ, pid)

    def _tell_ends(self) -> None:
        while self._lines:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            line = self._lines.pop(pid)
            if line in self._selector.get_map():
                self._selector.unregister(line)
                # The owner may have hung up in this moment.
                with suppress(OSError):
                    line.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            line.close()

    def _kill_all(self) -> None:
        for pid in self._lines:
            os.kill(pid, signal.SIGKILL)


def _next_order(owner: socket.socket) -> _Order | None:
    length, descriptors, _, _ = socket.recv_fds(owner, _LENGTH_BYTES, 3)
    if len(length) < _LENGTH_BYTES:
        return None
    source, output, line = descriptors
    message = owner.recv(int.from_bytes(length), socket.MSG_WAITALL)
    return _Order(json.loads(message), source, output, socket.socket(fileno=line))


def _become_child(order: _Order) -> None:
    """Do the order in this fork, and end it."""
    exit_code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(order.source, 0)
        os.dup2(order.output, 1)
        # The other forks' files and lines, and the owner's socket, are none of this one's business.
        os.closerange(3, _MOST_DESCRIPTORS)
        jobs.main(order.arguments)
        exit_code = 0
    finally:
        os._exit(exit_code)


if __name__ == "__main__":
    gc.collect()
    # What is there now is never garbage: a collection in a fork would copy its pages.
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as owner:
        _Forker(owner).run()
