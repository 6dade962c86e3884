"""The names in a question: what an answer must speak of, and what may stand in none of its passages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.lexical import words
from rag.types import Passage

# "shutdown-at-night", "/etc/passwd", "$TMPDIR", "libfoo.so": spelled as no word is.
_SPELLED = re.compile(r"(?<![\w/])[$/~]?[A-Za-z0-9]+(?:[-_./+]+[A-Za-z0-9]+)+|[$/~][A-Za-z]\w*", re.A)


def subjects_of(question: str) -> list[frozenset[str]]:
    """Return the terms of each name that an answer must speak of; in a Chinese question every Latin word is one."""
    is_chinese = words.CJK_CHARACTER.search(question) is not None
    spelled = [found.span() for found in _SPELLED.finditer(question)]
    found = [words.term_set(question[start:end]) for start, end in spelled]
    for word in words.LATIN_WORD.finditer(question):
        if any(start <= word.start() < end for start, end in spelled):
            continue
        if _is_name(word[0], word.start()) or (is_chinese and word[0].lower() not in words.STOP_WORDS):
            found.append(words.term_set(word[0]))
    return [terms for terms in dict.fromkeys(found) if terms]


def absent_names(question: str, passages: Sequence[Passage]) -> list[str]:
    held = frozenset().union(*map(terms_around, passages))
    named = [found[0] for found in words.LATIN_WORD.finditer(question) if _is_name(found[0], found.start())]
    return [name for name in dict.fromkeys(named) if not words.term_set(name) & held]


def terms_around(passage: Passage) -> frozenset[str]:
    return words.term_set(f"{passage.document_name} {passage.page_name} {passage.text}")


def _is_name(word: str, position: int) -> bool:
    has_digit = any(character.isdigit() for character in word)
    return has_digit or (position > 0 and word[0].isupper() and word.lower() not in words.STOP_WORDS)
