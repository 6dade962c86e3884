"""Spell grammars: texts, sets of characters, and the characters of JSON strings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from inference.runner.gbnf import ANY, Range, inverted, merged

NEVER = "[]"
"""Fits nothing; what needs it is left out of the grammar."""

_SHORT_ESCAPES = {'"': '"', "\\": "\\", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_ESCAPED = merged([(0, 0x1F), (ord('"'), ord('"')), (ord("\\"), ord("\\"))])


def literal(text: str) -> str:
    return '"' + "".join(_shown(ord(character)) for character in text) + '"'


def one_of(ranges: Sequence[Range]) -> str:
    """Return an expression for one character."""
    if tuple(ranges) == ANY:
        return "."
    return "[" + "".join(_shown(low) if low == high else f"{_shown(low)}-{_shown(high)}" for low, high in ranges) + "]"


@lru_cache(maxsize=256)
def json_character(ranges: tuple[Range, ...]) -> str:
    """Return an expression for one character of a JSON string, escaped where JSON demands that and in one way only."""
    plain = intersected(ranges, inverted(_ESCAPED))
    choices = [one_of(plain)] if plain else []
    for low, high in intersected(ranges, _ESCAPED):
        choices += [literal("\\" + _escape(chr(code))) for code in range(low, high + 1)]
    return f"({' | '.join(choices)})" if len(choices) > 1 else choices[0] if choices else NEVER


def intersected(left: Sequence[Range], right: Sequence[Range]) -> tuple[Range, ...]:
    return inverted([*inverted(left), *inverted(right)])


def repeated(expression: str, least: int, most: int | None) -> str:
    """Return an expression repeated; it must be one item."""
    if (least, most) == (1, 1):
        return expression
    short = {(0, 1): "?", (0, None): "*", (1, None): "+"}.get((least, most))
    if short is not None:
        return expression + short
    if most is None:
        return f"{expression}{{{least},}}"
    return f"{expression}{{{least}}}" if least == most else f"{expression}{{{least},{most}}}"


def _escape(character: str) -> str:
    return _SHORT_ESCAPES.get(character) or f"u{ord(character):04x}"


def _shown(code: int) -> str:
    character = chr(code)
    if character.isascii() and (character.isalnum() or character in " _/:,.{}()<>=+*?!@#$%&'|~;`"):
        return character
    return f"\\x{code:02X}" if code < 0x100 else f"\\U{code:08X}"
