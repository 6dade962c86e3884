"""Find the calls of tools in what a model writes, piece by piece. No I/O."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.dialects.thinking import overlap
from inference.runner.call_cursor import Cursor, JsonScan, NeedMore, NotACall
from inference.runner.notations import Notation
from inference.runner.written_calls import Written
from inference.types import Tool, ToolCall

MAX_CALL_CHARACTERS = 256 * 1024
"""A longer call is shown as text."""

MAX_CALLS = 128
ID_ALPHABET = string.ascii_letters + string.digits
ID_LENGTH = 9
"""Some chat templates refuse ids of any other shape. Source: mistral-common, `validate_tool_call_id`."""

SEPARATORS = " \t\r\n;,"
"""What may stand between two calls."""

_SMALL = 1024
_ENDS = frozenset("}]>`")
"""A long call can only be complete once one of these arrives, so it is not read again before."""


def make_id() -> str:
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))


@dataclass(frozen=True, slots=True)
class Found:
    """What is certain of an answer: its text without the calls, and the calls."""

    content: str = ""
    calls: Sequence[ToolCall] = ()


class ToolCallReader:
    """Takes an answer in pieces and tells text and calls apart.

    What may become a call is held back until it is one; what turns out to be none is given back as text. White space
    before a call, and between two, belongs to neither.
    """

    def __init__(
        self, notations: Sequence[Notation], tools: Sequence[Tool], *, new_id: Callable[[], str] = make_id
    ) -> None:
        self._notations = sorted(notations, key=lambda notation: -len(notation.opener))
        self._tools = {tool.name: tool for tool in tools}
        self._new_id = new_id
        self._held = ""
        self._open: Notation | None = None
        self._scans: dict[int, JsonScan] = {}
        self._gap = ""
        self._has_text = False
        self._follows_call = False
        self._n_calls = 0

    def feed(self, text: str) -> Found:
        """Return what is certain now."""
        self._held += text
        is_long = self._open is not None and len(self._held) > _SMALL
        if is_long and len(self._held) <= MAX_CALL_CHARACTERS and not _ENDS.intersection(text):
            return Found()
        return self._take(is_whole=is_long and len(self._held) > MAX_CALL_CHARACTERS)

    def finish(self) -> Found:
        """Return what was held back, once no more text will come."""
        return self._take(is_whole=True)

    def _take(self, *, is_whole: bool) -> Found:
        content: list[str] = []
        calls: list[ToolCall] = []
        while self._held:
            if self._open is None:
                self._open = self._look_for_opener(content, is_whole)
            if self._open is None:
                break
            cursor = Cursor(self._held, len(self._open.opener), is_whole=is_whole, scans=self._scans)
            try:
                written = self._read(self._open, cursor)
            except NeedMore:
                break
            except NotACall:
                self._show(content, self._gap + self._open.opener)
                self._held = self._held[len(self._open.opener) :]
            else:
                calls += [self._call(call) for call in written]
                self._held = self._held[cursor.at :]
                self._follows_call = True
            self._open = None
            self._scans.clear()
        return Found("".join(content), calls)

    def _look_for_opener(self, content: list[str], is_whole: bool) -> Notation | None:
        """Show the text before the next opener and return its notation, or show all that is certainly no opener."""
        if self._follows_call:
            self._held = self._held.lstrip(SEPARATORS)
        at, notation = self._first_opener()
        shown = self._held if notation is None and is_whole else self._held[:at].rstrip()
        if shown:
            self._show(content, shown)
        self._gap = self._held[len(shown) : at] if notation is not None else ""
        self._held = self._held[at if notation is not None else len(shown) :]
        return notation

    def _first_opener(self) -> tuple[int, Notation | None]:
        """Return where the first call begins, or where the text begins that more of it could turn into an opener."""
        found = [(at, notation) for notation in self._notations if (at := self._at(notation)) >= 0]
        if found:
            return min(found, key=lambda pair: pair[0])
        held = max(overlap(self._held, notation.opener) for notation in self._notations)
        return len(self._held) - held, None

    def _at(self, notation: Notation) -> int:
        if not notation.only_first:
            return self._held.find(notation.opener)
        begins = not self._has_text or self._follows_call
        at = len(self._held) - len(self._held.lstrip())
        return at if begins and self._held.startswith(notation.opener, at) else -1

    def _show(self, content: list[str], text: str) -> None:
        content.append(text)
        self._has_text = True
        self._follows_call = False

    def _read(self, notation: Notation, cursor: Cursor) -> list[Written]:
        written = notation.read(cursor, self._tools)
        if self._n_calls + len(written) > MAX_CALLS:
            raise NotACall
        self._n_calls += len(written)
        return written

    def _call(self, written: Written) -> ToolCall:
        return ToolCall(name=written.name, arguments=written.arguments, id=written.id or self._new_id())
