"""Breaks streamed text between words. No I/O."""

from __future__ import annotations

import re

from rich.cells import get_character_cell_size

TAB = 8
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Return a text without what steers a terminal: a model must not move the cursor, or write to the clipboard."""
    return _CONTROLS.sub("", text)


class WordWrapper:
    """Lays out the text of one answer as it comes.

    A word is shown at once, and moved to the next line when it grows over the edge. Between wide characters
    (Chinese, Japanese, Korean) a line may break anywhere.
    """

    def __init__(self) -> None:
        self._column = 0
        self._word = ""
        self._word_width = 0

    def feed(self, text: str, width: int) -> str:
        """Return what to write for a piece of text to a terminal of `width` columns."""
        # In the last column terminals wait with the line break, and differ in what going back then means.
        return "".join(self._place(character, max(width - 1, 2)) for character in printable(text))

    def _place(self, character: str, edge: int) -> str:
        if character == "\n":
            self._start_line()
            return character
        if character in " \t":
            return self._place_blank(character, edge)
        width = get_character_cell_size(character)
        if width == 2:
            self._end_word()
        if self._column + width <= edge:
            self._grow(character, width)
            return character
        moved, moved_width = self._word, self._word_width
        self._start_line()
        if moved_width + width > edge:
            # No line can hold this word.
            moved, moved_width = "", 0
        self._grow(moved + character, moved_width + width)
        taken_back = f"\x1b[{moved_width}D\x1b[K" if moved_width else ""
        return f"{taken_back}\n{moved}{character}"

    def _place_blank(self, blank: str, edge: int) -> str:
        self._end_word()
        width = TAB - self._column % TAB if blank == "\t" else 1
        if self._column + width > edge:
            # The blank is the line break that comes with the next word, if one comes.
            self._column = edge
            return ""
        self._column += width
        return blank

    def _grow(self, piece: str, width: int) -> None:
        self._column += width
        self._word += piece
        self._word_width += width
        if get_character_cell_size(piece[-1]) == 2:
            self._end_word()

    def _end_word(self) -> None:
        self._word, self._word_width = "", 0

    def _start_line(self) -> None:
        self._column = 0
        self._end_word()
