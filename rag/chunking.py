"""Cuts a document's text into chunks in one pass, with the exact span of each.

Chunks end where sentences end, and begin a little before the last one's end, so that a fact and what it hangs on
stay together. A chunk lies on one page: its citation names that page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rag.extraction.sections import SEPARATOR
from rag.lexical.words import CJK_CHARACTER

NAME = "sentences-240-40-headings"
"""Part of an index version: change it with anything that moves a border, or changes what is indexed of a chunk."""

N_TOKENS = 240
N_OVERLAP_TOKENS = 40

# Measured for MiniLM's tokenizer, and close for others: characters a token.
_CJK_CHARACTERS_A_TOKEN = 1.5
_OTHER_CHARACTERS_A_TOKEN = 4.0

# Marks that end no sentence, as the dots of a table of contents, are looked through from the first of them alone: were
# it done from each of them, a page of dots would hold up the whole process.
_SENTENCE = re.compile(
    "[^\n。！？；.!?;]*(?:[。！？；]+[”’」』）]*|(?<![.!?;])[.!?;]++[\"'”’)\\]]*+(?=\\s)|[.!?;]|\n+|$)[^\\S\n]*"
)


@dataclass(frozen=True, slots=True)
class Span:
    """A chunk's place: offsets into the text, and its page or section from 1, or None."""

    start: int
    end: int
    page: int | None


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    n_tokens: float


def chunk_spans(text: str, page_spans: Sequence[tuple[int, int]] = ()) -> list[Span]:
    """Return the spans of a text's chunks in order; they cover everything but blanks."""
    if not page_spans:
        return list(_spans_between(text, 0, len(text), None))
    return [
        span
        for number, (start, end) in enumerate(page_spans, start=1)
        for span in _spans_between(text, start, end, number)
    ]


def indexed_text(path: str, text: str) -> str:
    """Return a chunk's text as it is indexed: under the headings above it, which its own words often leave unsaid.

    Args:
        path: The chunk's `page_name`; empty where nothing has a name.
    """
    headings = [heading for heading, _ in groupby(path.split(SEPARATOR))]
    if text.startswith(headings[-1]):
        headings.pop()
    return "\n".join(filter(None, (SEPARATOR.join(headings), text)))


def estimate_tokens(text: str) -> float:
    if text.isascii():
        return len(text) / _OTHER_CHARACTERS_A_TOKEN
    n_cjk = len(CJK_CHARACTER.findall(text))
    return n_cjk / _CJK_CHARACTERS_A_TOKEN + (len(text) - n_cjk) / _OTHER_CHARACTERS_A_TOKEN


def _spans_between(text: str, start: int, end: int, page: int | None) -> Iterator[Span]:
    held: list[_Piece] = []
    n_held = 0.0
    n_new = 0
    for piece in _pieces(text, start, end):
        if n_new and n_held + piece.n_tokens > N_TOKENS:
            yield from _trimmed(text, held[0].start, held[-1].end, page)
            held = _overlap(held, room=N_TOKENS - piece.n_tokens)
            n_held = sum(kept.n_tokens for kept in held)
            n_new = 0
        held.append(piece)
        n_held += piece.n_tokens
        n_new += 1
    if n_new:
        yield from _trimmed(text, held[0].start, held[-1].end, page)


def _pieces(text: str, start: int, end: int) -> Iterator[_Piece]:
    """Yield sentences and lines; one that fills a chunk alone comes in several pieces."""
    position = start
    while position < end:
        found = _SENTENCE.match(text, position, end)
        stop = found.end() if found and found.end() > position else end
        n_tokens = estimate_tokens(text[position:stop])
        if n_tokens <= N_TOKENS - N_OVERLAP_TOKENS:
            yield _Piece(position, stop, n_tokens)
        else:
            yield from _halves(text, position, stop, n_tokens)
        position = stop


def _halves(text: str, start: int, end: int, n_tokens: float) -> Iterator[_Piece]:
    n_parts = int(n_tokens // (N_TOKENS / 4)) + 1
    width = (end - start) // n_parts + 1
    while start < end:
        stop = min(start + width, end)
        blank = text.rfind(" ", start + width // 2, stop)
        if stop < end and blank > 0:
            stop = blank + 1
        yield _Piece(start, stop, estimate_tokens(text[start:stop]))
        start = stop


def _overlap(pieces: list[_Piece], room: float) -> list[_Piece]:
    """Return the last pieces that fit the overlap and leave room for the next piece."""
    limit = min(N_OVERLAP_TOKENS, room)
    kept: list[_Piece] = []
    for piece in reversed(pieces[1:]):
        limit -= piece.n_tokens
        if limit < 0:
            break
        kept.insert(0, piece)
    return kept


def _trimmed(text: str, start: int, end: int, page: int | None) -> Iterator[Span]:
    piece = text[start:end]
    begin = start + len(piece) - len(piece.lstrip())
    stop = start + len(piece.rstrip())
    if begin < stop:
        yield Span(begin, stop, page)
