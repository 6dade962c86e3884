"""Cutting a file of JSON into its chats without reading it whole. No I/O: bytes in, chats out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from webui.chats.transfer.shapes import Note

# A bracket, or a string as far as it goes: the end of what was fed may be inside of it. The group is a string's end.
_OUTSIDE = re.compile(rb'[\[\]{}]|"[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
_INSIDE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
_QUOTE = ord('"')
_OPENING = frozenset(b"[{")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One chat as it stands in a file.

    Attributes:
        end: How many bytes of the file come before what follows it; reading can go on from there.
        raw: Empty when `note` says why it cannot be read.
    """

    end: int
    raw: bytes = b""
    note: Note | None = None


class Splitter:
    """Finds the objects of a JSON array, or of JSON lines, whatever else stands between them.

    Args:
        max_bytes, max_tokens: What one object may have of each. Of a larger one nothing is kept: it bounds what a
            reader of the pieces has in memory, however a file is made.
        offset: Where in the file feeding begins, if it begins behind a piece.
        is_in_array: Whether that place is inside the array.
    """

    def __init__(self, *, max_bytes: int, max_tokens: int, offset: int = 0, is_in_array: bool = False) -> None:
        self._max_bytes = max_bytes
        self._max_tokens = max_tokens
        self._at = offset
        self._base = 1 if is_in_array else 0
        self._depth = self._base
        self._has_begun = bool(offset)
        self._is_in_string = self._is_closed = False
        self._carry = b""
        self._kept: list[bytes] = []
        self._n_kept = 0
        self._n_tokens = 0

    @property
    def is_in_array(self) -> bool:
        return self._base == 1

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Yield the chats that end in this data."""
        if self._carry:
            data, self._carry = self._carry + data, b""
        at = begin = 0
        while match := (_INSIDE if self._is_in_string else _OUTSIDE).search(data, at):
            at = match.end()
            byte = _QUOTE if self._is_in_string else data[match.start()]
            if byte == _QUOTE:
                self._n_tokens += not self._is_in_string
                self._is_in_string = not match.group(1)
                if self._is_in_string:
                    # It goes on in what is fed next; of a backslash the other half is still to come.
                    self._carry = data[at:]
                    break
            elif byte in _OPENING:
                if not self._has_begun:
                    self._has_begun = True
                    if byte == ord("["):
                        self._base = self._depth = 1
                        continue
                if self._depth == self._base:
                    begin, self._n_tokens = match.start(), 0
                self._depth += 1
                self._n_tokens += 1
            elif self._depth > self._base:
                self._depth -= 1
                if self._depth == self._base:
                    self._keep(data[begin:at])
                    yield self._piece(self._at + at)
            else:
                self._is_closed = True
        end = len(data) - len(self._carry)
        if self._depth > self._base:
            self._keep(data[begin:end])
        self._at += end

    def finish(self) -> Iterator[Piece]:
        """Yield what the file ends in the middle of."""
        if self._depth > self._base or (self.is_in_array and not self._is_closed):
            self._forget()
            yield Piece(end=self._at + len(self._carry), note=Note.CUT_OFF)

    def _keep(self, data: bytes) -> None:
        self._n_kept += len(data)
        if self._n_kept > self._max_bytes or self._n_tokens > self._max_tokens:
            self._kept.clear()
        else:
            self._kept.append(data)

    def _piece(self, end: int) -> Piece:
        is_too_large = self._n_kept > self._max_bytes or self._n_tokens > self._max_tokens
        piece = Piece(end=end, note=Note.TOO_LARGE) if is_too_large else Piece(end=end, raw=b"".join(self._kept))
        self._forget()
        return piece

    def _forget(self) -> None:
        self._kept.clear()
        self._n_kept = self._n_tokens = 0
