"""What a chunk shows of a question by itself, before it is weighed among others.

To look takes longer than to weigh. What the words have found is looked at while the embedder is still busy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rag.lexical import words
from rag.lexical.parts import parts_of
from rag.retrieval.candidates import FoundChunk

# "9.6.1. LVM2", "Chapter 2. Packages". Steps, "1. Open it", are no titles.
_TITLE = re.compile(
    r"(?:[-*•] )?(?:(?:[A-Z]\.)?\d+(?:\.\d+)+\.?|(?:Chapter|Appendix) \w+\.?|[第附].{1,5}[章节録录].?)\s.{1,80}"
)
# One with the number of its page behind.
_TITLE_WITH_PAGE = re.compile(r".{1,80}?(?:\.{3,}|…+| {3,})\s*\d{1,4}")
_DIGIT = re.compile(r"\d")
_CONTENTS_MIN_LINES = 8
_CONTENTS_MIN_SHARE = 0.6
# As much of a chunk as tells its language; English has five characters where Chinese has one or two.
_SAMPLE_CHARACTERS = 300
_CJK_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Look:
    """What one chunk shows.

    Attributes:
        terms: Those of the question that stand in it, in their order.
        characters: How often each CJK character of the question stands among its terms; those alone that do.
    """

    terms: tuple[str, ...]
    characters: Mapping[str, int]
    is_latin: bool
    is_contents: bool


def look_at(question: str, terms: Sequence[str], chunks: Collection[FoundChunk]) -> dict[int, Look]:
    """Return by chunk id what shows of a question, and of the terms that it is searched by."""
    # Written out once: every term is looked for in a hundred chunks.
    sought = [(_place(term), term) for term in terms]
    parts = frozenset[str]().union(*map(parts_of, terms))
    characters = words.query_characters(question).union(filter(words.CJK_CHARACTER.match, parts))
    return {
        chunk.id: Look(
            terms=tuple([term for place, term in sought if place in chunk.terms]),
            characters={character: n for character in characters if (n := chunk.terms.count(character))},
            is_latin=is_latin(chunk.text),
            is_contents=is_contents(chunk.text),
        )
        for chunk in chunks
    }


def _place(term: str) -> str:
    """Return how a term stands among those of a chunk: a single CJK character is indexed in pairs only."""
    is_single = len(term) == 1 and words.CJK_CHARACTER.match(term)
    return term if is_single else f" {term} "


def is_latin(text: str) -> bool:
    """Whether a text is in Latin letters: a Chinese one about computers may be so by a third."""
    if text.isascii():
        return True
    sample = text[:_SAMPLE_CHARACTERS]
    return words.n_cjk(sample) < _CJK_SHARE * len(sample)


def is_contents(text: str) -> bool:
    """Whether a text is a table of contents, or a piece of one: hardly anything but numbered titles."""
    if text.count("\n") < _CONTENTS_MIN_LINES - 1:
        return False
    lines = text.split("\n")
    if not _DIGIT.search(lines[len(lines) // 2]):
        return False
    n_others_allowed = len(lines) - _CONTENTS_MIN_SHARE * len(lines)
    for line in lines:
        if not _is_title(line.strip()):
            n_others_allowed -= 1
            if n_others_allowed < 0:
                return False
    return True


def _is_title(line: str) -> bool:
    # Looked at from behind first: most lines of text end in no number, and to look for dots in them takes long.
    return bool(_TITLE.fullmatch(line) or (line[-1:].isdecimal() and _TITLE_WITH_PAGE.fullmatch(line)))
