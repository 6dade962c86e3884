"""Cuts a text at its headings: each section is named by its heading and those above it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

SEPARATOR = " › "


@dataclass(slots=True)
class Headings:
    """The heading under which one stands, and those above it."""

    _path: list[tuple[int, str]] = field(default_factory=list)

    def add(self, level: int, text: str) -> None:
        """Take the next heading of a text; level 1 is the uppermost."""
        self._path = [above for above in self._path if above[0] < level] + [(level, text)]

    @property
    def path(self) -> str:
        return SEPARATOR.join(text for _, text in self._path)


@dataclass(slots=True)
class Sections:
    """The sections of one file, filled from its beginning to its end."""

    _headings: Headings = field(default_factory=Headings)
    _lines: list[str] = field(default_factory=list)
    _done: list[tuple[str, str]] = field(default_factory=list)

    def add_heading(self, level: int, text: str) -> None:
        """Begin the section under a heading; level 1 is the uppermost."""
        self._finish()
        self._headings.add(level, text)
        self._lines.append(text)

    def add_line(self, text: str) -> None:
        self._lines.append(text)

    def finished(self) -> Iterator[tuple[str, str]]:
        """Yield (path, text); what stands before the first heading has no path."""
        self._finish()
        yield from self._done

    def _finish(self) -> None:
        if self._lines:
            self._done.append((self._headings.path, "\n".join(self._lines)))
            self._lines = []
