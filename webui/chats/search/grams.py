"""Grams: the pieces of one to three characters that a text is found by.

Three characters are found anywhere, inside of words too. One and two are found at the beginning of a word, and in
scripts that are written without spaces, where most words are as short, anywhere.
"""

from __future__ import annotations

import re

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
# Neither can be typed, and the database's own tokenizer would cut at them.
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f]+")


def words_of(folded: str) -> list[str]:
    return [word for word in _BLANKS.split(folded) if word]


def grams_of(text: str) -> set[str]:
    """Return all grams of a text."""
    grams: set[str] = set()
    for word in set(words_of(fold(text))):
        grams.update(word[at : at + LONG] for at in range(len(word) - LONG + 1))
        for start in _STARTS.finditer(word):
            grams.update((word[start.start() : start.start() + 1], word[start.start() : start.start() + 2]))
    return grams


def grams_to_find(folded: str) -> set[str]:
    """Return the grams that a text has wherever these words stand in it as they are written here."""
    return {word[at : at + LONG] for word in words_of(folded) for at in range(max(1, len(word) - LONG + 1))}
