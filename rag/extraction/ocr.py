"""Pages that are pictures: drawn, read by tesseract, and where on the page each word of the text stands."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import IO

from rag.errors import Unreadable
from rag.extraction import layout, tesseract
from rag.extraction.reading import pages_of
from rag.extraction.tesseract import Drawing, Tesseract, Word
from rag.types import Box, PageWord, RecognisedText

# Upright text has 90 and more, the same text on its side or its head some 60.
_SURE = 75


def recognise(file: IO[bytes], number: int, reader: Tesseract) -> RecognisedText:
    """Return what stands on page `number`, from 1. Raises Unreadable."""
    drawing = pages_of(file).draw(file, number)
    text, words = _joined(_upright_words(drawing, reader))
    scale = drawing.scale
    placed = tuple(
        PageWord(
            start=start,
            end=end,
            box=Box(x=word.x / scale, y=word.y / scale, width=word.width / scale, height=word.height / scale),
        )
        for start, end, word in words
    )
    return RecognisedText(text=text, width=drawing.width / scale, height=drawing.height / scale, words=placed)


def _upright_words(drawing: Drawing, reader: Tesseract) -> list[Word]:
    """Return the words of a page that may lie on its side or on its head, each where it is on the page as it lies.

    How it lies is only asked when the reading is doubtful: asking takes about as long as reading.
    """
    words = tesseract.read(drawing, reader)
    if not reader.sees_turns or _certainty(words) >= _SURE:
        return words
    try:
        degrees = tesseract.degrees_to_turn(drawing, reader)
        turned = tesseract.read(_turned(drawing, degrees), reader) if degrees else []
    except Unreadable:
        return words
    if _certainty(turned) <= _certainty(words):
        return words
    return [_turned_back(word, degrees, drawing) for word in turned]


def _certainty(words: Sequence[Word]) -> float:
    """Return the mean confidence of a page's characters, 0 without any."""
    n_characters = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / n_characters if n_characters else 0.0


def _turned(drawing: Drawing, degrees: int) -> Drawing:
    from PIL import Image

    # Pillow turns the other way round.
    how = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}[degrees]
    picture = Image.frombytes("L", (drawing.width, drawing.height), drawing.pixels).transpose(how)
    return replace(drawing, pixels=picture.tobytes(), width=picture.width, height=picture.height)


def _turned_back(word: Word, degrees: int, drawing: Drawing) -> Word:
    """Return a word of a turned page with its box on the page as it was."""
    x, y, width, height = word.x, word.y, word.width, word.height
    match degrees:
        case 90:
            return replace(word, x=y, y=drawing.height - x - width, width=height, height=width)
        case 180:
            return replace(word, x=drawing.width - x - width, y=drawing.height - y - height)
        case _:
            return replace(word, x=drawing.width - y - height, y=x, width=height, height=width)


def _joined(words: Iterable[Word]) -> tuple[str, list[tuple[int, int, Word]]]:
    """Return the text of a page's words, its lines joined, and each word with its (start, end) in that text."""
    pieces: list[str] = []
    spans: list[tuple[int, int, Word]] = []
    position = 0
    before: Word | None = None
    for word in words:
        piece = _gap(before, word) + word.text
        pieces.append(piece)
        position += len(piece)
        spans.append((position - len(word.text), position, word))
        before = word
    joined = layout.join_lines("".join(pieces))
    origins = [joined.origin(offset) for offset in range(len(joined.text))]
    placed = ((bisect_left(origins, start), bisect_left(origins, end), word) for start, end, word in spans)
    return joined.text, [(start, end, word) for start, end, word in placed if start < end]


def _gap(before: Word | None, word: Word) -> str:
    if before is None:
        return ""
    if before.block != word.block:
        return "\n\n"
    return " " if before.line == word.line else "\n"
