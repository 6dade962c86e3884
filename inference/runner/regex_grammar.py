"""Turn the regular expression of a JSON schema's `pattern` into a grammar for the JSON strings that it finds.

It reads what describes a regular language: no look-around, no back-references, no word boundaries, no flags.
Source: ECMA-262, "Patterns", which JSON Schema names for `pattern`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference.runner.gbnf import ANY, MAX_CODE_POINT, MAX_REPETITIONS, Range, inverted, merged
from inference.runner.gbnf_text import json_character, repeated

MAX_CHARACTERS = 2000
MAX_NESTING = 32
MAX_ALTERNATIVES = 64


class BadPattern(ValueError):
    """The pattern is malformed, or asks for something that cannot be honoured; the text says which."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One piece of a sequence: a set of characters, a group, or an anchor (neither), some times in a row."""

    ranges: tuple[Range, ...] | None = None
    group: tuple[_Sequence, ...] | None = None
    anchor: str = ""
    least: int = 1
    most: int | None = 1


_Sequence = tuple[_Item, ...]


def pattern_expression(pattern: str, *, least: int = 0, most: int | None = None) -> str:
    """Return an expression for the characters of a JSON string, without its quotes.

    Args:
        least, most: How many characters it must have; a pattern that leaves its length open has to do so in one place.

    Raises:
        BadPattern: It cannot be honoured.
    """
    if len(pattern) > MAX_CHARACTERS:
        raise BadPattern(f"it has more than {MAX_CHARACTERS} characters")
    found = [_anchored(sequence) for sequence in _distributed(_Parser(pattern).alternatives())]
    fitting = [_of_length(sequence, least, most) for sequence in found]
    return _expression(tuple(sequence for sequence in fitting if sequence is not None)) or "[]"


def _distributed(alternatives: Sequence[_Sequence]) -> list[_Sequence]:
    """Take groups apart that begin or end a sequence and hold an anchor."""
    done: list[_Sequence] = []
    todo = list(alternatives)
    while todo:
        sequence = todo.pop(0)
        at = next((index for index, item in enumerate(sequence) if _holds_anchor(item)), None)
        if at is None:
            done.append(sequence)
        else:
            item = sequence[at]
            if (item.least, item.most) != (1, 1) or item.group is None:
                raise BadPattern("it repeats ^ or $")
            todo = [(*sequence[:at], *part, *sequence[at + 1 :]) for part in item.group] + todo
        if len(done) + len(todo) > MAX_ALTERNATIVES:
            raise BadPattern("it has too many alternatives with anchors")
    return done


def _holds_anchor(item: _Item) -> bool:
    return item.group is not None and any(
        inner.anchor or _holds_anchor(inner) for sequence in item.group for inner in sequence
    )


def _anchored(sequence: _Sequence) -> _Sequence:
    """Say with items what the anchors, or their absence, mean."""
    items = list(sequence)
    anything = _Item(ranges=ANY, least=0, most=None)
    starts, ends = False, False
    while items and items[0].anchor == "^":
        starts = bool(items.pop(0))
    while items and items[-1].anchor == "$":
        ends = bool(items.pop())
    if any(item.anchor for item in items):
        raise BadPattern("^ or $ stands in the middle")
    return (*(() if starts else (anything,)), *items, *(() if ends else (anything,)))


def _of_length(sequence: _Sequence, least: int, most: int | None) -> _Sequence | None:
    """Return a sequence of which every text has such a length; None when there is none."""
    if least == 0 and most is None:
        return sequence
    shortest, longest = _length(sequence)
    if shortest >= least and (most is None or (longest is not None and longest <= most)):
        return sequence
    if (longest is not None and longest < least) or (most is not None and shortest > most):
        return None
    open_items = [index for index, item in enumerate(sequence) if _length((item,))[0] != _length((item,))[1]]
    if len(open_items) != 1 or sequence[open_items[0]].ranges is None:
        raise BadPattern("its length is open in more than one place, so minLength and maxLength cannot be kept")
    at = open_items[0]
    item = sequence[at]
    others = shortest - item.least
    upper = [bound for bound in (item.most, None if most is None else most - others) if bound is not None]
    fitted = replace(item, least=max(item.least, least - others), most=min(upper) if upper else None)
    return (*sequence[:at], fitted, *sequence[at + 1 :])


def _length(sequence: _Sequence) -> tuple[int, int | None]:
    """Return how many characters the shortest and the longest text have; None is without end."""
    shortest, longest = 0, 0
    is_open = False
    for item in sequence:
        low, high = 1, 1
        if item.group is not None:
            lengths = [_length(part) for part in item.group]
            low = min(length[0] for length in lengths)
            highs = [length[1] for length in lengths]
            is_open = is_open or (None in highs and item.most != 0)
            high = max(value or 0 for value in highs)
        shortest += low * item.least
        if item.most is None:
            is_open = is_open or high > 0
        else:
            longest += high * item.most
    return shortest, None if is_open else longest


def _expression(alternatives: Sequence[_Sequence]) -> str:
    return " | ".join(" ".join(_item_expression(item) for item in sequence) or '""' for sequence in alternatives)


def _item_expression(item: _Item) -> str:
    if item.ranges is not None:
        return repeated(json_character(item.ranges), item.least, item.most)
    return repeated(f"({_expression(item.group or ((),))})", item.least, item.most)


def _single(*characters: str) -> tuple[Range, ...]:
    return merged([(ord(character), ord(character)) for character in characters])


_DIGITS = merged([(ord("0"), ord("9"))])
_WORD = merged([(ord("a"), ord("z")), (ord("A"), ord("Z")), (ord("0"), ord("9")), (ord("_"), ord("_"))])
_SPACES = merged([(9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)])
_SPACES = merged([*_SPACES, (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)])
_NOT_LINE_ENDS = inverted(_single("\n", "\r", "\u2028", "\u2029"))
_CLASSES = {
    "d": _DIGITS,
    "D": inverted(_DIGITS),
    "w": _WORD,
    "W": inverted(_WORD),
    "s": _SPACES,
    "S": inverted(_SPACES),
}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def alternatives(self) -> tuple[_Sequence, ...]:
        found = self._alternatives(0)
        if self._at < len(self._text):
            raise BadPattern("a ) has no (")
        return found

    def _alternatives(self, nesting: int) -> tuple[_Sequence, ...]:
        if nesting > MAX_NESTING:
            raise BadPattern(f"more than {MAX_NESTING} groups lie in each other")
        found = [self._sequence(nesting)]
        while self._take("|"):
            found.append(self._sequence(nesting))
        return tuple(found)

    def _sequence(self, nesting: int) -> _Sequence:
        items: list[_Item] = []
        while (character := self._peek()) and character not in "|)":
            item = self._item(nesting)
            items.append(self._quantified(item))
        return tuple(items)

    def _item(self, nesting: int) -> _Item:
        character = self._next()
        if character in "^$":
            return _Item(anchor=character)
        if character == "(":
            return self._group(nesting)
        if character == "[":
            return _Item(ranges=self._set())
        if character == ".":
            return _Item(ranges=_NOT_LINE_ENDS)
        if character == "\\":
            return _Item(ranges=self._escape(in_set=False))
        if character in "*+?{}]":
            raise BadPattern(f"{character} stands where it means nothing")
        return _Item(ranges=_single(character))

    def _group(self, nesting: int) -> _Item:
        if self._take("?"):
            if self._take("<") and self._peek() not in ("=", "!"):
                name, closing, rest = self._text[self._at :].partition(">")
                if not closing or not name.isidentifier():
                    raise BadPattern("a group's name is malformed")
                self._at = len(self._text) - len(rest)
            elif not self._take(":"):
                raise BadPattern("look-around and flags, (?…), cannot be honoured")
        group = self._alternatives(nesting + 1)
        if not self._take(")"):
            raise BadPattern("a ( has no )")
        return _Item(group=group)

    def _quantified(self, item: _Item) -> _Item:
        bounds = self._bounds()
        if bounds is None:
            return item
        if item.anchor:
            raise BadPattern("it repeats ^ or $")
        self._take("?")  # A lazy repetition finds the same texts.
        if self._peek() and self._peek() in "*+?{":
            raise BadPattern("two repetitions follow each other")
        return replace(item, least=bounds[0], most=bounds[1])

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        if not self._take("{"):
            return None
        least = self._number()
        most: int | None = least
        if self._take(","):
            most = self._number() if self._peek() != "}" else None
        if not self._take("}"):
            raise BadPattern("a repetition {…} is malformed")
        if most is not None and most < least:
            raise BadPattern("a repetition allows less than it demands")
        return least, most

    def _number(self) -> int:
        start = self._at
        while self._peek() and self._peek() in "0123456789":
            self._at += 1
        digits = self._text[start : self._at]
        if not digits or len(digits) > 6 or int(digits) > MAX_REPETITIONS:
            raise BadPattern(f"a repetition {{…}} needs numbers up to {MAX_REPETITIONS}")
        return int(digits)

    def _set(self) -> tuple[Range, ...]:
        is_inverted = self._take("^")
        ranges: list[Range] = []
        while not self._take("]"):
            low = self._set_member()
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._set_member()
                if len(low) != 1 or len(high) != 1 or low[0][0] != low[0][1] or high[0][0] != high[0][1]:
                    raise BadPattern("a range of characters needs single characters")
                if high[0][0] < low[0][0]:
                    raise BadPattern("a range of characters ends before it begins")
                ranges.append((low[0][0], high[0][0]))
            else:
                ranges += low
        return inverted(ranges) if is_inverted else merged(ranges)

    def _set_member(self) -> Sequence[Range]:
        character = self._next()
        return self._escape(in_set=True) if character == "\\" else _single(character)

    def _escape(self, *, in_set: bool) -> tuple[Range, ...]:
        character = self._next()
        if character in _CLASSES:
            return _CLASSES[character]
        if character in _CONTROLS:
            return _single(_CONTROLS[character])
        if character == "b" and in_set:
            return _single("\b")
        if character == "x":
            return self._code(2)
        if character == "u":
            return self._braced_code() if self._take("{") else self._code(4)
        if character.isalnum():
            raise BadPattern(f"\\{character} cannot be honoured")
        return _single(character)

    def _code(self, n_digits: int) -> tuple[Range, ...]:
        digits = self._text[self._at : self._at + n_digits]
        self._at += n_digits
        if len(digits) < n_digits:
            raise BadPattern("an escaped character is malformed")
        return self._character(digits)

    def _braced_code(self) -> tuple[Range, ...]:
        digits, closing, _ = self._text[self._at : self._at + 8].partition("}")
        if not closing:
            raise BadPattern("an escaped character is malformed")
        self._at += len(digits) + 1
        return self._character(digits)

    def _character(self, digits: str) -> tuple[Range, ...]:
        if not digits or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
            raise BadPattern("an escaped character is malformed")
        found = merged([(int(digits, 16), int(digits, 16))]) if int(digits, 16) <= MAX_CODE_POINT else ()
        if not found:
            raise BadPattern("an escaped character does not exist")
        return found

    def _next(self) -> str:
        character = self._peek()
        if not character:
            raise BadPattern("it ends too early")
        self._at += 1
        return character

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, character: str) -> bool:
        is_there = self._peek() == character
        self._at += is_there
        return is_there
