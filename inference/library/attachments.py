"""Files and folders that people attached: remembered by path, read where they lie, never copied or changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import orjson

from inference.errors import BadModelFile
from inference.library.errors import NotAttachable
from inference.library.gguf import read_header
from inference.library.locations import Location


class Attachments:
    """The list kept in one JSON file. One process writes it; a missing or unreadable file is an empty list."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def locations(self) -> Sequence[Location]:
        """Return what is attached and still there. What cannot be looked at is a folder, whose files cannot be read."""
        found = [_recognise(path) for path in self.paths()]
        return [location for location in found if location is not None]

    def paths(self) -> list[Path]:
        try:
            entries = orjson.loads(self._file.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return []
        if not isinstance(entries, list):
            return []
        return [Path(entry["path"]) for entry in entries if isinstance(entry, dict) and "path" in entry]

    def attach(self, text: str) -> Location:
        """Remember a path and return what it turned out to be. Attaching twice is no error.

        Raises:
            NotAttachable: It is not absolute, not there, not readable, or holds no model.
        """
        location = _check(text)
        paths = self.paths()
        if location.path not in paths:
            self._write([*paths, location.path])
        return location

    def _write(self, paths: Sequence[Path]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(".new")
        temporary.write_bytes(orjson.dumps([{"path": str(path)} for path in paths], option=orjson.OPT_INDENT_2))
        os.replace(temporary, self._file)


def _recognise(path: Path) -> Location | None:
    try:
        return Location.recognise(path)
    except OSError:
        return Location(kind="folder", path=path)


def _check(text: str) -> Location:
    path = Path(os.path.expanduser(text.strip()))
    if "\0" in text or not path.is_absolute():
        raise NotAttachable(text, "it is not an absolute path")
    path = Path(os.path.normpath(path))
    if len(path.parts) < 2:
        raise NotAttachable(text, "it is the whole disk")
    try:
        location = Location.recognise(path)
        if location is None:
            raise NotAttachable(text, "there is no such file or folder")
        if location.kind == "file":
            _check_file(location.path)
        else:
            os.listdir(location.path)
            if location.measure()[0] == 0:
                raise NotAttachable(text, "it holds no GGUF model")
    except PermissionError as exc:
        raise NotAttachable(text, "this server may not read it") from exc
    except OSError as exc:
        raise NotAttachable(text, exc.strerror or "it cannot be read") from exc
    return location


def _check_file(path: Path) -> None:
    if path.suffix.lower() != ".gguf":
        raise NotAttachable(str(path), "it is not a .gguf file")
    try:
        read_header(path)
    except BadModelFile as exc:
        raise NotAttachable(str(path), exc.detail) from exc
