"""Read numbers and texts one after the other from a file, or from a file at another machine."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO, Protocol

from inference.library.gguf_format import SCALARS, UINT64, Scalar

FIRST_WINDOW_BYTES = 256 * 1024
LARGEST_WINDOW_BYTES = 1024 * 1024
MAX_STRING_BYTES = 16 * 1024 * 1024


class Refused(Exception):
    """The reason why a file is refused, in words for a person."""


class ByteSource(Protocol):
    size_bytes: int

    def read(self, start: int, n_bytes: int) -> bytes:
        """Return bytes from `start` on, fewer than `n_bytes` only at the end."""
        ...


class FileSource:
    """A file that is read, not mapped: a mapped one that somebody shortens meanwhile ends the process."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size_bytes = file.seek(0, io.SEEK_END)

    def read(self, start: int, n_bytes: int) -> bytes:
        self._file.seek(start)
        return self._file.read(n_bytes)


class Cursor:
    """Reads forward through a source and never past its end, a window at a time.

    Windows grow: a header without a vocabulary costs little traffic, one with a large vocabulary few requests.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.size = source.size_bytes
        self.position = 0
        self._window_bytes = FIRST_WINDOW_BYTES
        self._base = 0
        self._window = b""

    def skip(self, n_bytes: int) -> None:
        if n_bytes > self.size - self.position:
            raise Refused("the file is truncated inside its header")
        self.position += n_bytes

    def take(self, n_bytes: int) -> bytes:
        start = self._load(n_bytes)
        self.position += n_bytes
        return self._window[start : start + n_bytes]

    def unpack(self, layout: struct.Struct) -> Scalar:
        start = self._load(layout.size)
        self.position += layout.size
        value: Scalar = layout.unpack_from(self._window, start)[0]
        return value

    def number(self, type_id: int) -> int:
        return int(self.unpack(SCALARS[type_id]))

    def count(self, what: str, limit: int, least_bytes: int) -> int:
        """Read a u64 count of things that take at least `least_bytes` each."""
        count = self.number(UINT64)
        if count > limit or count * least_bytes > self.size - self.position:
            raise Refused(f"the header claims {count:,} {what}, more than the file can hold")
        return count

    def string_bytes(self, limit: int = MAX_STRING_BYTES) -> bytes:
        length = self.number(UINT64)
        if length > limit:
            raise Refused(f"the header holds a text of {length:,} bytes")
        return self.take(length)

    def string(self, limit: int = MAX_STRING_BYTES) -> str:
        # Vendors write names in other encodings now and then; such a name is no reason to refuse a model.
        return self.string_bytes(limit).decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        length_at = SCALARS[UINT64].unpack_from
        while count:
            start = index = self._load(8)
            window, last = self._window, len(self._window) - 8
            while count and index <= last:
                index += 8 + length_at(window, index)[0]
                count -= 1
            self.skip(index - start)

    def check_distinct(self, count: int) -> None:
        seen: set[bytes] = set()
        for _ in range(count):
            token = self.string_bytes()
            if token in seen:
                raise Refused(f"the vocabulary holds {token.decode('utf-8', 'replace')!r} twice")
            seen.add(token)

    def _load(self, n_bytes: int) -> int:
        """Make the next n bytes available; return where in the window they begin."""
        if n_bytes > self.size - self.position:
            raise Refused("the file is truncated inside its header")
        start = self.position - self._base
        if start + n_bytes > len(self._window):
            self._base, self._window = self.position, self._source.read(self.position, max(n_bytes, self._window_bytes))
            self._window_bytes = min(LARGEST_WINDOW_BYTES, self._window_bytes * 2)
            start = 0
        if len(self._window) < n_bytes:
            raise Refused("the file became shorter while it was read")
        return start
