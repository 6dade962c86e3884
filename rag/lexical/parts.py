"""What a question names, in parts that a text can hold each by itself: Latin words, and single CJK characters.

A Chinese question is searched by pairs of characters, but some of its pairs span two words, and others are written
otherwise in the text that answers it. So a character counts as held when a pair with either neighbour of it is.
"""

from __future__ import annotations

from rag.lexical import words

FUNCTION_CHARACTERS = frozenset(
    "把被给給让讓使里裡个個些这這那某都也还還就才会會能要来來到从從对對为為以很最更等再又将將着著过過"
)
FUNCTION_FACTOR = 0.3
"""They say how, not what; among a few texts they look as rare as anything else that is missing."""


def parts_of(term: str) -> frozenset[str]:
    """Return the parts that a term of a question stands for: itself, or its CJK characters."""
    return frozenset(term) if words.CJK_CHARACTER.match(term) else frozenset((term,))
