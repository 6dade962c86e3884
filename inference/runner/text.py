"""Turn the bytes of generated tokens into text that may be shown: whole characters, cut at the first stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextAssembler:
    """Holds back what may still change: an incomplete UTF-8 character, or the beginning of a stop string.

    Bytes that can never become UTF-8 turn into U+FFFD, as soon as that is certain.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(text for text in stop if text)
        self._first_characters = frozenset(text[0] for text in self._stop)
        self._held = ""
        self.is_stopped = False
        """A stop string was met; it and all that follows it is dropped."""
        self.n_decoded = 0
        """Characters that came in, held back or not."""
        self.n_released = 0

    @property
    def is_within_character(self) -> bool:
        """True when the bytes so far end with a part of a character."""
        return bool(self._decoder.getstate()[0])

    def feed(self, data: bytes) -> str:
        """Return the text that is certain now."""
        return self._release(self._decoded(data))

    def finish(self) -> str:
        """Return what was held back, once no more bytes will come."""
        rest = self._release(self._decoded(b"", is_last=True))
        held, self._held = self._held, ""
        if self.is_stopped:
            return rest
        self.n_released += len(held)
        return rest + held

    def _decoded(self, data: bytes, *, is_last: bool = False) -> str:
        text = self._decoder.decode(data, final=is_last)
        self.n_decoded += len(text)
        return text

    def _release(self, text: str) -> str:
        released = self._certain(text)
        self.n_released += len(released)
        return released

    def _certain(self, text: str) -> str:
        if self.is_stopped:
            return ""
        if not self._stop:
            return text
        self._held += text
        found = [at for at in map(self._held.find, self._stop) if at >= 0]
        if found:
            self.is_stopped = True
            released, self._held = self._held[: min(found)], ""
            return released
        cut = self._possible_stop()
        released, self._held = self._held[:cut], self._held[cut:]
        return released

    def _possible_stop(self) -> int:
        """Return where the earliest text begins that more text could complete to a stop string."""
        held = self._held
        longest = max(map(len, self._stop))
        for at in range(max(0, len(held) - longest + 1), len(held)):
            if held[at] in self._first_characters and any(stop.startswith(held[at:]) for stop in self._stop):
                return at
        return len(held)
