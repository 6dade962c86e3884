"""The names and numbers of a question that stand in none of its passages."""

from __future__ import annotations

from collections.abc import Sequence

from rag.lexical import words
from rag.types import Passage


def absent_names(question: str, passages: Sequence[Passage]) -> list[str]:
    held = frozenset().union(
        *(words.term_set(f"{passage.document_name} {passage.page_name} {passage.text}") for passage in passages)
    )
    named = [found[0] for found in words.LATIN_WORD.finditer(question) if _is_name(found[0], found.start())]
    return [name for name in dict.fromkeys(named) if not words.term_set(name) & held]


def _is_name(word: str, position: int) -> bool:
    has_digit = any(character.isdigit() for character in word)
    return has_digit or (position > 0 and word[0].isupper() and word.lower() not in words.STOP_WORDS)
