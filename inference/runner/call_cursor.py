"""Read a text that a model is still writing: a place in it, and what may be said of what comes next."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import orjson

MAX_HEAD_CHARACTERS = 400
"""How far behind its mark the name of a tool may end."""

NAME = re.compile(r"[\w.:/-]{1,200}")

_OUTSIDE, _INSIDE = re.compile(r'["{}\[\]]'), re.compile(r'["\\]')
_DEPTH = {"{": 1, "[": 1, "}": -1, "]": -1}
_SPACE = re.compile(r"\s*")


class NotACall(Exception):
    """What looked like a call is text."""


class NeedMore(Exception):
    """The text ends before it is clear what it is."""


class JsonScan:
    """How far the search for the end of an object or a list came, so that more text does not begin it anew."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._depth = 0
        self._in_string = False

    def end(self, text: str) -> int | None:
        """Return where the value ends, or None when it goes on behind this text."""
        while (mark := (_INSIDE if self._in_string else _OUTSIDE).search(text, self._at)) is not None:
            if mark[0] == "\\":
                if mark.end() == len(text):
                    self._at = mark.start()
                    return None
                self._at = mark.end() + 1
                continue
            self._at = mark.end()
            if mark[0] == '"':
                self._in_string = not self._in_string
                continue
            self._depth += _DEPTH[mark[0]]
            if self._depth <= 0:
                return self._at
        self._at = len(text)
        return None


class Cursor:
    """A place in a text that may go on (NeedMore) or may not (`is_whole`: NotACall).

    Pass the same `scans` for the same text with more behind it.
    """

    def __init__(self, text: str, at: int, *, is_whole: bool, scans: dict[int, JsonScan] | None = None) -> None:
        self.text = text
        self.at = at
        self.is_whole = is_whole
        self._scans = scans if scans is not None else {}

    @property
    def is_at_end(self) -> bool:
        return self.at >= len(self.text)

    def skip_space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found is not None else self.at

    def next_character(self) -> str:
        return self.text[self.at] if not self.is_at_end else self._end()

    def accept(self, literal: str) -> bool:
        """Step over a literal if it comes next."""
        if self.text.startswith(literal, self.at):
            self.at += len(literal)
            return True
        if not self.is_whole and literal.startswith(self.text[self.at : self.at + len(literal)]):
            raise NeedMore
        return False

    def accept_behind_space(self, literal: str) -> bool:
        self.skip_space()
        return self.accept(literal)

    def expect(self, literal: str) -> None:
        if not self.accept(literal):
            raise NotACall

    def until(self, literal: str, *, within: int | None = None) -> str:
        """Return the text up to a literal, and step over both."""
        end = self.text.find(literal, self.at)
        if end < 0 and within is not None and len(self.text) - self.at > within:
            raise NotACall
        if end < 0:
            self._end()
        found = self.text[self.at : end]
        self.at = end + len(literal)
        return found

    def name(self, literal: str) -> str:
        """Return the name of a tool or argument up to a literal, and step over both."""
        found = self.until(literal, within=MAX_HEAD_CHARACTERS).strip(" \n\"'")
        if not NAME.fullmatch(found):
            raise NotACall
        return found

    def json(self) -> Any:
        """Return the object or list that begins here, and step over it."""
        end = self._scans.setdefault(self.at, JsonScan(self.at)).end(self.text)
        if end is None:
            self._end()
        start, self.at = self.at, end
        # Another notation, or a second look, finds the end again.
        self._scans.pop(start)
        return parsed_json(self.text[start:end])

    def _end(self) -> NoReturn:
        raise NotACall if self.is_whole else NeedMore


def parsed_json(data: str) -> Any:
    """Return what JSON says. Raises NotACall when it is none, or none that can be sent on."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    # Models write line breaks into their strings.
    try:
        value = json.loads(data, strict=False)
        orjson.dumps(value)
    except (ValueError, TypeError, RecursionError) as exc:
        raise NotACall from exc
    return value
