"""Follow a grammar through an answer, byte by byte, and tell which tokens may come next.

llama.cpp has the same, but ends the process when a token does not fit, and takes time and memory without bound for a
grammar with many readings of one text. Here every answer has a budget, and what was worked out once is kept: inside a
JSON string one table of tokens serves all positions.

A state is a set of threads; a thread is a place in the UTF-8 bytes of one character, and what must follow it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from inference.runner.gbnf import MAX_CODE_POINT, Chars, Range, Ref, Rules, parse_grammar

TokenIds = npt.NDArray[np.int32]

MAX_THREADS = 2000
MAX_STEPS = 200_000
"""Of one answer's next token: about 0.2 s."""

MAX_KEPT = 200_000
MAX_KEPT_TABLES = 64


class GrammarTooAmbiguous(Exception):
    """The text so far has so many readings that following them all would hold up everybody's answers."""


class Grammar:
    """A parsed grammar with what was worked out about it so far, for any number of answers.

    Used by one thread; only `start` may be called by another one.
    """

    def __init__(self, text: str) -> None:
        """Raises InvalidRequest."""
        rules = parse_grammar(text)
        self._places, self._starts, self._root = _compiled(rules)
        self._stacks: dict[tuple[int, int, Stack | None], Stack] = {}
        self._states: dict[tuple[frozenset[Thread], bool], State] = {}
        self._tables: OrderedDict[State, TokenIds] = OrderedDict()
        self._n_steps = 0
        self._start: State | None = None

    def start(self) -> State:
        """Return the state before the first byte. Raises GrammarTooAmbiguous."""
        start = self._start
        if start is None:
            self._n_steps = 0
            start = self._state(self._expanded(stack) for stack in self._stacks_of(self._root, None))
            self._start = start
        return start

    def after(self, state: State, data: bytes) -> State | None:
        """Return the state after some bytes; None when they do not fit. Raises GrammarTooAmbiguous."""
        self._forget_old()
        self._n_steps = 0
        current: State | None = state
        for byte in data:
            if current is None:
                return None
            current = self._move(current, byte)
        return current

    def allowed(self, state: State, vocabulary: Vocabulary) -> TokenIds:
        """Return the tokens that fit, those that only end an answer not among them. Raises GrammarTooAmbiguous."""
        table = self._tables.get(state)
        if table is None:
            self._forget_old()
            self._n_steps = 0
            table = self._tables[state] = self._fitting(state, vocabulary)
            if len(self._tables) > MAX_KEPT_TABLES:
                self._tables.popitem(last=False)
        else:
            self._tables.move_to_end(state)
        return table

    def _fitting(self, state: State, vocabulary: Vocabulary) -> TokenIds:
        found: list[int] = []
        path: list[State] = [state] * (vocabulary.depth + 1)
        node, n_nodes = 0, len(vocabulary.bytes)
        while node < n_nodes:
            depth = vocabulary.depths[node]
            following = self._move(path[depth], vocabulary.bytes[node])
            if following is None:
                node = vocabulary.ends[node]
                continue
            path[depth + 1] = following
            found += vocabulary.tokens[node]
            node += 1
        return np.array(found, np.int32)

    def _move(self, state: State, byte: int) -> State | None:
        try:
            return state.moves[byte]
        except KeyError:
            following = state.moves[byte] = self._moved(state, byte)
            return following

    def _moved(self, state: State, byte: int) -> State | None:
        self._spend(len(state.threads))
        parts: list[Expansion] = []
        for node, stack in state.threads:
            if byte not in node.moves:
                continue
            following = node.moves[byte]
            if following is not None:
                parts.append((((following, stack),), False))
            elif stack is None:
                parts.append(((), True))
            else:
                parts.append(self._expanded(stack))
        return self._state(parts) if parts else None

    def _state(self, parts: Iterable[Expansion]) -> State:
        threads: set[Thread] = set()
        may_end = False
        for some, ends in parts:
            threads.update(some)
            may_end = may_end or ends
        if len(threads) > MAX_THREADS:
            raise GrammarTooAmbiguous
        key = (frozenset(threads), may_end)
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = State(tuple(threads), may_end)
        return state

    def _expanded(self, stack: Stack | None) -> Expansion:
        """Return the threads of a stack: all characters that may come first, each with what follows it."""
        if stack is None:
            return (), True
        if stack.expansion is None:
            stack.expansion = self._expand(stack)
        return stack.expansion

    def _expand(self, stack: Stack) -> Expansion:
        threads: set[Thread] = set()
        may_end = False
        seen: set[Stack | None] = set()
        todo: list[Stack | None] = [stack]
        while todo:
            top = todo.pop()
            if top in seen:
                continue
            seen.add(top)
            self._spend(1)
            if len(threads) > MAX_THREADS:
                raise GrammarTooAmbiguous
            if top is None:
                may_end = True
                continue
            place = self._places[top.place]
            after = top.below if place.next is None else self._stack(place.next, 0, top.below)
            if place.characters is not None:
                threads.add((place.characters, after))
                continue
            if place.is_repeat:
                if top.count >= place.least:
                    todo.append(after)
                if place.most is not None and top.count >= place.most:
                    continue
                # Without an upper bound it does not matter how often more than enough it was.
                count = min(top.count + 1, place.least) if place.most is None else top.count + 1
                after = self._stack(top.place, count, top.below)
            todo += self._stacks_of(place.rule, after)
        return tuple(threads), may_end

    def _stacks_of(self, rule: int, after: Stack | None) -> list[Stack | None]:
        return [after if start is None else self._stack(start, 0, after) for start in self._starts[rule]]

    def _stack(self, place: int, count: int, below: Stack | None) -> Stack:
        key = (place, count, below)
        stack = self._stacks.get(key)
        if stack is None:
            stack = self._stacks[key] = Stack(place, count, below)
        return stack

    def _spend(self, n_steps: int) -> None:
        self._n_steps += n_steps
        if self._n_steps > MAX_STEPS:
            raise GrammarTooAmbiguous

    @property
    def n_kept(self) -> int:
        return len(self._stacks) + len(self._states)

    def _forget_old(self) -> None:
        """Keep what was worked out within bounds. States in use stay valid, they are only found anew."""
        if self.n_kept > MAX_KEPT:
            self._stacks.clear()
            self._states.clear()
            self._tables.clear()
            self._start = None


class Stack:
    """What must still follow: a place in the grammar, how often it was repeated, and what lies below."""

    __slots__ = ("below", "count", "expansion", "place")

    def __init__(self, place: int, count: int, below: Stack | None) -> None:
        self.place = place
        self.count = count
        self.below = below
        self.expansion: Expansion | None = None


class State:
    """All readings of the text so far.

    Attributes:
        may_end: The text is a whole answer.
    """

    __slots__ = ("may_end", "moves", "threads")

    def __init__(self, threads: Sequence[Thread], may_end: bool) -> None:
        self.threads = threads
        self.may_end = may_end
        self.moves: dict[int, State | None] = {}

    @property
    def must_end(self) -> bool:
        """True when nothing may follow."""
        return not self.threads


class Vocabulary:
    """The bytes of all tokens as a tree, whose nodes lie one after the other: each before those that lengthen it.

    Attributes:
        pieces: What each token adds to an answer. Tokens that add nothing never fit, nor do control tokens.
        ends: Where the nodes that lengthen a node end.
        tokens: What is spelled by the way to a node.
    """

    def __init__(
        self, pieces: Sequence[bytes], end_tokens: Collection[int], control_tokens: Collection[int] = ()
    ) -> None:
        self.pieces = pieces
        self.end_tokens = np.array(sorted(end_tokens), np.int32)
        self.depth = 0
        self.bytes: list[int] = []
        self.depths: list[int] = []
        self.ends: list[int] = []
        self.tokens: list[tuple[int, ...]] = []
        self._ends = frozenset(end_tokens)
        self._textless = self._ends | frozenset(control_tokens)
        self._build(sorted((piece, token) for token, piece in enumerate(pieces) if self.has_text(token)))

    def is_end(self, token: int) -> bool:
        return token in self._ends

    def has_text(self, token: int) -> bool:
        return bool(self.pieces[token]) and token not in self._textless

    def _build(self, pieces: Iterable[tuple[bytes, int]]) -> None:
        path: list[int] = []
        before = b""
        for piece, token in pieces:
            shared = 0
            while shared < min(len(before), len(piece)) and before[shared] == piece[shared]:
                shared += 1
            self._close(path, shared)
            for depth in range(shared, len(piece)):
                path.append(len(self.bytes))
                self.bytes.append(piece[depth])
                self.depths.append(depth)
                self.ends.append(0)
                self.tokens.append(())
            self.tokens[path[-1]] += (token,)
            self.depth = max(self.depth, len(piece))
            before = piece
        self._close(path, 0)

    def _close(self, path: list[int], length: int) -> None:
        while len(path) > length:
            self.ends[path.pop()] = len(self.bytes)


class Node:
    """A place in the UTF-8 bytes of some characters: the bytes that fit, and None where a character ends with them."""

    __slots__ = ("moves",)

    def __init__(self) -> None:
        self.moves: dict[int, Node | None] = {}


Thread = tuple[Node, Stack | None]
Expansion = tuple[Sequence[Thread], bool]
"""Threads, and whether the text may end here."""


class _Place:
    """An item of the grammar and what follows it in its alternative."""

    __slots__ = ("characters", "is_repeat", "least", "most", "next", "rule")

    def __init__(self, following: int | None) -> None:
        self.next = following
        self.characters: Node | None = None
        self.is_repeat = False
        self.rule = self.least = 0
        self.most: int | None = None


def _compiled(rules: Rules) -> tuple[list[_Place], list[list[int | None]], int]:
    """Return all places, where the alternatives of each rule start (None is an empty one), and the root's number."""
    numbers = {name: number for number, name in enumerate(rules)}
    sets: dict[tuple[Range, ...], Node] = {}
    places: list[_Place] = []
    starts: list[list[int | None]] = []
    for alternatives in rules.values():
        starts.append([])
        for alternative in alternatives:
            following: int | None = None
            for item in reversed(alternative):
                place = _Place(following)
                if isinstance(item, Chars):
                    if item.ranges not in sets:
                        sets[item.ranges] = _utf8_node(item.ranges)
                    place.characters = sets[item.ranges]
                else:
                    place.rule = numbers[item.rule]
                    if not isinstance(item, Ref):
                        place.is_repeat, place.least, place.most = True, item.least, item.most
                following = len(places)
                places.append(place)
            starts[-1].append(following)
    return places, starts, numbers["root"]


_LEAD_BYTES = ((0xC2, 0xDF, 1), (0xE0, 0xEF, 2), (0xF0, 0xF4, 3))
"""First and last byte that begins a character, and how many bytes follow it. Source: RFC 3629."""


def _utf8_node(ranges: Sequence[Range]) -> Node:
    node = Node()
    for low, high in ranges:
        for code in range(low, min(high, 0x7F) + 1):
            node.moves[code] = None
    for first, last, n_more in _LEAD_BYTES:
        for lead in range(first, last + 1):
            bits = 6 * n_more
            low = (lead & (0x3F >> n_more)) << bits
            low_most = {1: 0x80, 2: 0x800, 3: 0x10000}[n_more]
            inside = _within(ranges, max(low, low_most), min(low + (1 << bits) - 1, MAX_CODE_POINT))
            if inside:
                node.moves[lead] = _continuation(inside, low, n_more)
    return node


def _continuation(ranges: Sequence[Range], start: int, n_more: int) -> Node:
    """Return the node for the code points from `start` on that differ in their last `n_more` bytes only."""
    size = 1 << 6 * (n_more - 1)
    if ranges == [(start, start + 64 * size - 1)] and n_more in _FULL:
        return _FULL[n_more]
    node = Node()
    for index in range(64):
        low = start + index * size
        inside = _within(ranges, low, low + size - 1)
        if inside:
            node.moves[0x80 + index] = None if n_more == 1 else _continuation(inside, low, n_more - 1)
    return node


def _within(ranges: Sequence[Range], low: int, high: int) -> list[Range]:
    return [(max(low, start), min(high, end)) for start, end in ranges if start <= high and low <= end]


_FULL: dict[int, Node] = {}
"""What most sets have in common, so that they share it: any continuation of one to three bytes."""
for _n_more in (1, 2, 3):
    _FULL[_n_more] = _continuation([(0, (1 << 6 * _n_more) - 1)], 0, _n_more)
