"""What a person types: one line, or several between triple quotes. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

QUOTES = '"""'
SET_SYSTEM = "/set system"


@dataclass(frozen=True, slots=True)
class Entered:
    text: str
    is_command: bool = False


class Entry:
    """Gathers lines until what is entered is whole."""

    def __init__(self) -> None:
        self._lines: list[str] | None = None
        self._is_command = False

    @property
    def is_open(self) -> bool:
        """True between the quotes."""
        return self._lines is not None

    def feed(self, line: str) -> Entered | None:
        """Return what is whole with this line, or None inside the quotes."""
        if self._lines is None:
            before, quotes, line_after = line.partition(QUOTES)
            opens = bool(quotes) and before.strip().lower() in ("", SET_SYSTEM)
            if not opens:
                return Entered(line.strip(), is_command=line.lstrip().startswith("/"))
            self._is_command = bool(before.strip())
            self._lines, line = [], line_after
        text, quotes, _ = line.rstrip().rpartition(QUOTES) if line.rstrip().endswith(QUOTES) else (line, "", "")
        self._lines.append(text)
        return self._close() if quotes else None

    def abandon(self) -> None:
        self._lines = None

    def _close(self) -> Entered:
        text = "\n".join(self._lines or ())
        self._lines = None
        return Entered(f"{SET_SYSTEM} {text}", is_command=True) if self._is_command else Entered(text)
