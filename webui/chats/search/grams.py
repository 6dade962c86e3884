"""Grams: the pieces of one to three characters that a text is found by.

Three characters are found anywhere, inside of words too. One and two are found at the beginning of a word, and in
scripts that are written without spaces, where most words are as short, anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from webui.chats.search.folding import fold

LONG = 3

# Thai to Khmer, kana and ideographs with their signs, Hangul: nobody leaves a space where a word ends, or words have
# endings that a reader does not count to them.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_LETTER = rf"(?![{_UNSPACED}_])\w"
NOT_INSIDE_A_WORD = rf"(?:(?<!{_LETTER})|(?!{_LETTER}))"
"""The pattern of a place where a short gram may begin."""
_STARTS = re.compile(rf"{NOT_INSIDE_A_WORD}.", re.DOTALL)
_UNSPACED_WORD = re.compile(f"[{_UNSPACED}]+")
# Neither can be typed, and the database's own tokenizer would cut at them.
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f]+")

# People and models use the same words again and again: most grams of a text are known already. About 4 MB.
_N_KNOWN_WORDS = 20_000
_COMMON_MAX_CHARS = 24
_MANY_WORDS = 500


def words_of(folded: str) -> list[str]:
    return [word for word in _BLANKS.split(folded) if word]


def grams_of(text: str) -> set[str]:
    """Return all grams of a text."""
    return {*joined_grams(text).split(" ")} - {""}


def joined_grams(text: str) -> str:
    """Return all grams of a text with blanks between them, some of them twice: to see to that takes longer."""
    words = {*words_of(fold(text))}
    joined = " ".join([_of_known_word(word) if len(word) <= _COMMON_MAX_CHARS else _of_word(word) for word in words])
    # Of many words most have nothing new.
    return joined if len(words) <= _MANY_WORDS else " ".join({*joined.split(" ")})


def _of_word(word: str) -> str:
    starts = _starts_of(word)
    grams = {word[at : at + LONG] for at in range(len(word) - LONG + 1)}
    grams.update([word[at : at + 1] for at in starts])
    grams.update([word[at : at + 2] for at in starts])
    return " ".join(grams)


_of_known_word = lru_cache(_N_KNOWN_WORDS)(_of_word)


def _starts_of(word: str) -> Iterable[int]:
    # Most words are of one of these two kinds, and to look at each of their characters takes longer.
    if word.isascii() and word.isalnum():
        return (0,)
    if _UNSPACED_WORD.fullmatch(word):
        return range(len(word))
    return [start.start() for start in _STARTS.finditer(word)]


def grams_to_find(folded: str) -> set[str]:
    """Return the grams that a text has wherever these words stand in it as they are written here."""
    return {word[at : at + LONG] for word in words_of(folded) for at in range(max(1, len(word) - LONG + 1))}
