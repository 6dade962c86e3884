"""The questions of earlier chats at the terminal, for the arrow keys."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson
from prompt_toolkit.history import History

from inference.terminal.display import Display

MAX_KEPT = 1000
MAX_FILE_BYTES = 4 * 1024 * 1024


class QuestionHistory(History):
    """A file with a JSON string a line, readable by its owner alone. Several terminals may add to it at once."""

    def __init__(self, path: Path, display: Display) -> None:
        super().__init__()
        self._path = path
        self._display = display
        self.problem = ""

    def load_history_strings(self) -> Iterable[str]:
        """Return the latest first."""
        lines = self._read()
        if len(lines) > MAX_KEPT:
            lines = lines[-MAX_KEPT:]
            self._rewrite(lines)
        return [text for line in reversed(lines) if (text := _parse(line))]

    def store_string(self, string: str) -> None:
        if self._display.keeps_history and not self.problem:
            self._write(os.O_APPEND, orjson.dumps(string) + b"\n", self._path)

    def _read(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - MAX_FILE_BYTES))
                return file.read().splitlines()
        except FileNotFoundError:
            return []
        except OSError as exc:
            self.problem = f"the history {self._path} cannot be read: {exc.strerror}"
            return []

    def _rewrite(self, lines: list[bytes]) -> None:
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        self._write(os.O_TRUNC, b"".join(line + b"\n" for line in lines), new)
        if not self.problem:
            new.replace(self._path)

    def _write(self, flag: int, data: bytes, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        except OSError as exc:
            self.problem = f"the history {path} cannot be written: {exc.strerror}"


def history_path(environ: Mapping[str, str], home: Path) -> Path:
    """Return where the history lies: in the user's folder for the state of programs (XDG base directories)."""
    state = environ.get("XDG_STATE_HOME", "")
    folder = Path(state) if os.path.isabs(state) else home / ".local" / "state"
    return folder / "hearth" / "history"


def _parse(line: bytes) -> str:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return ""
    return value if isinstance(value, str) else ""
