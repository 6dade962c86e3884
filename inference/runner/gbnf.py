"""Read a grammar in llama.cpp's notation (GBNF), and refuse one that no answer can follow to its end.

Source: llama.cpp, grammars/README.md. Its `<token>` items are not read: they name entries of one certain vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from inference.errors import InvalidRequest

MAX_CHARACTERS = 1_000_000
MAX_ITEMS = 100_000
MAX_NESTING = 64
MAX_REPETITIONS = 100_000
MAX_CODE_POINT = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)

Range = tuple[int, int]


class EndlessGrammar(InvalidRequest):
    """No answer that follows the grammar ever ends."""


class LeftRecursiveGrammar(InvalidRequest):
    """A rule begins with itself."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of some ranges of code points, sorted and apart from each other."""

    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Ref:
    rule: str


@dataclass(frozen=True, slots=True)
class Repeat:
    """A rule several times in a row; `most` None is without end."""

    rule: str
    least: int
    most: int | None


Item = Chars | Ref | Repeat
Alternatives = tuple[tuple[Item, ...], ...]
Rules = Mapping[str, Alternatives]
ROOT = "root"


def parse_grammar(text: str) -> Rules:
    """Return the rules of a grammar, less the alternatives that can never end.

    Raises:
        EndlessGrammar, LeftRecursiveGrammar: It cannot be followed.
        InvalidRequest: It is malformed or too large.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidRequest(f"the grammar has more than {MAX_CHARACTERS:,} characters")
    rules = _Parser(text).rules()
    if ROOT not in rules:
        raise InvalidRequest(f"the grammar has no rule {ROOT}")
    rules = _without_endless(rules)
    _refuse_left_recursion(rules)
    return rules


def merged(ranges: Sequence[Range]) -> tuple[Range, ...]:
    """Return the same code points as sorted ranges with gaps between them, without surrogates."""
    parts = [part for low, high in ranges for part in _beside_surrogates(low, high) if part[0] <= part[1]]
    result: list[Range] = []
    for low, high in sorted(parts):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


def inverted(ranges: Sequence[Range]) -> tuple[Range, ...]:
    """Return all other code points."""
    result: list[Range] = []
    start = 0
    for low, high in merged(ranges):
        result.append((start, low - 1))
        start = high + 1
    return merged([*result, (start, MAX_CODE_POINT)])


def _beside_surrogates(low: int, high: int) -> tuple[Range, Range]:
    return (low, min(high, SURROGATES[0] - 1)), (max(low, SURROGATES[1] + 1), high)


ANY = inverted(())
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


class _Parser:
    """Groups become rules of their own, whose names no text can spell."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._rules: dict[str, Alternatives] = {}
        self._n_items = 0
        self._n_groups = 0

    def rules(self) -> dict[str, Alternatives]:
        self._skip(newlines=True)
        while self._at < len(self._text):
            name = self._name()
            self._skip(newlines=False)
            self._expect("::=")
            self._skip(newlines=True)
            self._rules[name] = self._alternatives(nesting=0)
            if self._at < len(self._text) and self._text[self._at] not in "\r\n":
                raise self._wrong("expected the end of the line")
            self._skip(newlines=True)
        self._check_names()
        return self._rules

    def _alternatives(self, *, nesting: int) -> Alternatives:
        if nesting > MAX_NESTING:
            raise self._wrong(f"more than {MAX_NESTING} groups lie in each other")
        found = [self._sequence(nesting)]
        while self._peek() == "|":
            self._at += 1
            self._skip(newlines=True)
            found.append(self._sequence(nesting))
        return tuple(found)

    def _sequence(self, nesting: int) -> tuple[Item, ...]:
        items: list[Item] = []
        last: list[Item] = []
        while True:
            character = self._peek()
            if character and character in "*+?{":
                last = [self._repeated(last)]
            else:
                items += last
                one = self._one(character, nesting)
                if one is None:
                    return tuple(items)
                last = one
            self._count(len(last))
            self._skip(newlines=nesting > 0)

    def _one(self, character: str, nesting: int) -> list[Item] | None:
        """Return the next item; a text between quotes is several. None: there is no more in this sequence."""
        if character == '"':
            return self._literal()
        if character == "[":
            return [self._class()]
        if character == ".":
            self._at += 1
            return [Chars(ANY)]
        if character == "(":
            self._at += 1
            self._skip(newlines=True)
            group = self._new_rule(self._alternatives(nesting=nesting + 1))
            self._expect(")")
            return [group]
        if character and character in "<!":
            raise self._wrong("tokens of a vocabulary cannot be named here")
        return [Ref(self._name())] if _is_word(character) else None

    def _literal(self) -> list[Item]:
        self._at += 1
        items: list[Item] = []
        while self._peek() != '"':
            code = self._character()
            items.append(Chars(((code, code),)))
        self._at += 1
        return items

    def _class(self) -> Chars:
        self._at += 1
        is_inverted = self._peek() == "^"
        self._at += is_inverted
        ranges: list[Range] = []
        while self._peek() != "]":
            low = high = self._character()
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] != "]":
                self._at += 1
                high = self._character()
                if high < low:
                    raise self._wrong("a range of characters ends before it begins")
            ranges.append((low, high))
        self._at += 1
        return Chars(inverted(ranges) if is_inverted else merged(ranges))

    def _character(self) -> int:
        """Read one character between quotes or brackets, and return its code point."""
        character = self._peek()
        if not character:
            raise self._wrong("a text or a set of characters does not end")
        self._at += 1
        if character != "\\":
            return ord(character)
        kind = self._peek()
        self._at += 1
        if kind in _HEX_DIGITS:
            return self._hexadecimal(_HEX_DIGITS[kind])
        if not kind or kind not in _ESCAPES:
            raise self._wrong("this character needs no backslash")
        return ord(_ESCAPES[kind])

    def _hexadecimal(self, n_digits: int) -> int:
        digits = self._text[self._at : self._at + n_digits]
        if len(digits) < n_digits or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise self._wrong(f"expected {n_digits} hexadecimal digits")
        self._at += n_digits
        code = int(digits, 16)
        if code > MAX_CODE_POINT or SURROGATES[0] <= code <= SURROGATES[1]:
            raise self._wrong("there is no such character")
        return code

    def _repeated(self, items: list[Item]) -> Repeat:
        if not items:
            raise self._wrong("there is nothing to repeat")
        least, most = self._bounds()
        single = items[0] if len(items) == 1 else None
        rule = single.rule if isinstance(single, Ref) else self._new_rule((tuple(items),)).rule
        return Repeat(rule, least, most)

    def _bounds(self) -> tuple[int, int | None]:
        sign = self._peek()
        self._at += 1
        if sign != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        self._skip(newlines=False)
        least = self._integer()
        most: int | None = least
        self._skip(newlines=False)
        if self._peek() == ",":
            self._at += 1
            self._skip(newlines=False)
            most = self._integer() if self._peek().isdigit() else None
            self._skip(newlines=False)
        self._expect("}")
        if most is not None and most < least:
            raise self._wrong("a repetition allows less than it demands")
        return least, most

    def _integer(self) -> int:
        start = self._at
        while self._peek() and self._peek() in "0123456789":
            self._at += 1
        digits = self._text[start : self._at]
        if not digits or len(digits) > len(str(MAX_REPETITIONS)) or int(digits) > MAX_REPETITIONS:
            raise self._wrong(f"expected a number of repetitions up to {MAX_REPETITIONS:,}")
        return int(digits)

    def _new_rule(self, alternatives: Alternatives) -> Ref:
        self._n_groups += 1
        name = f"group {self._n_groups}"
        self._rules[name] = alternatives
        return Ref(name)

    def _name(self) -> str:
        start = self._at
        while _is_word(self._peek()):
            self._at += 1
        if start == self._at:
            raise self._wrong("expected the name of a rule")
        return self._text[start : self._at]

    def _expect(self, text: str) -> None:
        if not self._text.startswith(text, self._at):
            raise self._wrong(f"expected {text}")
        self._at += len(text)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, *, newlines: bool) -> None:
        """Go past spaces and comments."""
        while character := self._peek():
            if character == "#":
                while self._peek() and self._peek() not in "\r\n":
                    self._at += 1
            elif character in " \t" or (newlines and character in "\r\n"):
                self._at += 1
            else:
                return

    def _count(self, n_items: int) -> None:
        self._n_items += n_items
        if self._n_items > MAX_ITEMS:
            raise InvalidRequest(f"the grammar has more than {MAX_ITEMS:,} items")

    def _check_names(self) -> None:
        for alternatives in self._rules.values():
            for _, item in _items(alternatives):
                if not isinstance(item, Chars) and item.rule not in self._rules:
                    raise InvalidRequest(f"the grammar uses a rule {item.rule} that it does not define")

    def _wrong(self, detail: str) -> InvalidRequest:
        line = self._text.count("\n", 0, self._at) + 1
        return InvalidRequest(f"the grammar is malformed in line {line}: {detail}")


def _is_word(character: str) -> bool:
    return character == "-" or (character.isascii() and character.isalnum())


def _items(alternatives: Alternatives) -> Iterator[tuple[int, Item]]:
    for index, alternative in enumerate(alternatives):
        for item in alternative:
            yield index, item


def _without_endless(rules: Rules) -> dict[str, Alternatives]:
    """Leave out alternatives that can only be followed for ever. Raises InvalidRequest when no answer is left."""
    ending = _rules_where(rules, lambda item: bool(item.ranges) if isinstance(item, Chars) else _is_optional(item))

    def ends(item: Item) -> bool:
        if isinstance(item, Chars):
            return bool(item.ranges)
        return item.rule in ending

    if ROOT not in ending:
        raise EndlessGrammar("the grammar cannot finish: it has no answer that ends")
    kept: dict[str, Alternatives] = {}
    for name, alternatives in rules.items():
        if name not in ending:
            kept[name] = ()
        else:
            lasting = (tuple(item for item in items if ends(item) or not _is_optional(item)) for items in alternatives)
            kept[name] = tuple(items for items in lasting if all(ends(item) for item in items))
    return kept


def _refuse_left_recursion(rules: Rules) -> None:
    """Raise InvalidRequest when a rule can come back to itself before it takes a character."""
    empty = _rules_where(rules, lambda item: not isinstance(item, Chars) and _is_optional(item))
    first = {name: _first_rules(alternatives, empty) for name, alternatives in rules.items()}
    done: set[str] = set()
    for start in rules:
        path: list[tuple[str, Iterator[str]]] = [(start, iter(first[start]))] if start not in done else []
        above = {start}
        while path:
            name, following = path[-1]
            child = next(following, None)
            if child is None:
                path.pop()
                above.discard(name)
                done.add(name)
            elif child in above:
                raise LeftRecursiveGrammar(f"the grammar is left-recursive: rule {child} begins with itself")
            elif child not in done:
                above.add(child)
                path.append((child, iter(first[child])))


def _first_rules(alternatives: Alternatives, empty: set[str]) -> set[str]:
    """Return the rules that may come first."""
    found: set[str] = set()
    for alternative in alternatives:
        for item in alternative:
            if isinstance(item, Chars):
                break
            found.add(item.rule)
            if not _is_optional(item) and item.rule not in empty:
                break
    return found


def _is_optional(item: Item) -> bool:
    return isinstance(item, Repeat) and item.least == 0


def _rules_where(rules: Rules, holds: Callable[[Item], bool]) -> set[str]:
    """Return the rules that have an alternative whose every item holds, or refers to such a rule."""
    missing: dict[tuple[str, int], int] = {}
    users: dict[str, list[tuple[str, int]]] = {}
    ready: list[str] = []
    for name, alternatives in rules.items():
        for index, alternative in enumerate(alternatives):
            lacking = [item for item in alternative if not holds(item)]
            missing[name, index] = len(lacking)
            for item in lacking:
                if not isinstance(item, Chars):
                    users.setdefault(item.rule, []).append((name, index))
            if not lacking:
                ready.append(name)
    found: set[str] = set()
    while ready:
        name = ready.pop()
        if name in found:
            continue
        found.add(name)
        for user in users.get(name, ()):
            missing[user] -= 1
            if not missing[user]:
                ready.append(user[0])
    return found
