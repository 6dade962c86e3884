"""A pseudo-terminal with a command in it, as a person at a keyboard has it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
CTRL_C, CTRL_D, ENTER = "\x03", "\x04", "\r"
WAIT_S = 30.0
# What moves the cursor, colours, and the title of the window.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[=>()][0B]?")
# The terminal becomes the one that sends the signals of its keys, which only the process itself can ask for.
_IN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """One command in a terminal of its own. Use as a context manager; leaving it ends the command."""

    def __init__(self, *arguments: str, environ: Mapping[str, str], columns: int = 80, cwd: Path = ROOT) -> None:
        self._command: Sequence[str] = [sys.executable, str(ROOT / "manage.py"), *arguments]
        self._environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ},
            # Nobody here answers the question where the cursor is.
            "PROMPT_TOOLKIT_NO_CPR": "1",
            "TERM": "xterm-256color",
            "HEARTH_ENV_FILE": os.devnull,
            **environ,
        }
        self._columns = columns
        self._cwd = cwd
        self.output = ""

    def __enter__(self) -> Self:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, self._columns, 0, 0))
        self._process = subprocess.Popen(  # noqa: S603  (our own command)
            [sys.executable, "-c", _IN_TERMINAL, *self._command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self._environ,
            cwd=self._cwd,
            start_new_session=True,
        )
        os.close(theirs)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    @property
    def pid(self) -> int:
        return self._process.pid

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def read_until(self, marker: str, timeout_s: float = WAIT_S) -> str:
        """Return what was printed since the last call, up to a marker that is printed again, without escapes."""
        deadline = time.monotonic() + timeout_s
        while marker not in (shown := plain(self.output)):
            if not self._read(deadline):
                raise AssertionError(f"{marker!r} was not printed; there was: {shown!r}")
        before, _, after = shown.partition(marker)
        self.output = after
        return before + marker

    def end(self, timeout_s: float = WAIT_S) -> int:
        """Return the exit code of a command that is ending."""
        deadline = time.monotonic() + timeout_s
        while self._read(deadline):
            pass
        return self._process.wait(max(0.1, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        """Take what there is; False when nothing comes any more."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # How Linux says that the other side is closed.
            return False
        self.output += data.decode(errors="replace")
        return bool(data)


def plain(output: str) -> str:
    return _ESCAPES.sub("", output).replace("\r", "")
