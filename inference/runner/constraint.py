"""Keep one answer to a grammar, token by token."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from inference.dialects.thinking import THINK
from inference.errors import InvalidRequest
from inference.runner.answers import AnswerShape
from inference.runner.grammar import Grammar, GrammarTooAmbiguous, State, TokenIds, Vocabulary

MAX_KEPT_GRAMMARS = 16
FINAL_CHANNEL = b"<|channel|>final<|message|>"
"""Where the answer begins that gpt-oss gives after its thinking."""


class GrammarStuck(InvalidRequest):
    """The answer cannot go on as its grammar demands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeStart:
    """What comes before the part of an answer that is held to a grammar: a model's thinking.

    Attributes:
        until: What ends it.
        opening: The first token that begins it; empty when it has begun already.
    """

    until: bytes
    opening: bytes = b""


def free_start_of(answer: AnswerShape, *, may_think: bool = True) -> FreeStart | None:
    """Return what of an answer is free; None when the grammar holds from its first token."""
    if answer.is_raw:
        return None
    if answer.has_channels:
        return FreeStart(until=FINAL_CHANNEL)
    if not (may_think or answer.starts_thinking):
        return None
    tags = answer.tags or THINK
    opening = "" if answer.starts_thinking else tags.open
    return FreeStart(until=tags.close.encode(), opening=opening.encode())


class Constraint:
    """The grammar of one answer and how far the answer has come."""

    def __init__(self, grammar: Grammar, vocabulary: Vocabulary, free_start: FreeStart | None = None) -> None:
        """Start before the first token.

        Raises:
            InvalidRequest: The grammar has too many readings from its start on.
        """
        self._grammar = grammar
        self._vocabulary = vocabulary
        self._until = free_start.until if free_start is not None else b""
        self._opening = free_start.opening if free_start is not None else b""
        self._is_free = free_start is not None and not free_start.opening
        self._freely_said = b""
        try:
            self._state = grammar.start()
        except GrammarTooAmbiguous:
            raise _too_ambiguous() from None

    @property
    def is_active(self) -> bool:
        return not self._is_free

    @property
    def is_finished(self) -> bool:
        """True when the answer is whole and nothing may follow."""
        return self.is_active and self._state.must_end

    def fits(self, token: int) -> bool:
        """Return whether a token may come next. Raises GrammarStuck."""
        if self._is_free or self._is_opening(token):
            return True
        if self._vocabulary.is_end(token):
            return self._state.may_end
        return self._vocabulary.has_text(token) and self._after(self._vocabulary.pieces[token]) is not None

    def allowed(self) -> TokenIds:
        """Return all tokens that may come next. Raises GrammarStuck, also when there are none."""
        try:
            tokens = self._grammar.allowed(self._state, self._vocabulary)
        except GrammarTooAmbiguous:
            raise _too_ambiguous() from None
        if self._state.may_end:
            tokens = np.concatenate([tokens, self._vocabulary.end_tokens])
        if not len(tokens):
            raise GrammarStuck("no token of this model continues the answer as its grammar demands")
        return tokens

    def take(self, token: int) -> None:
        """Go past a token that fits."""
        piece = self._vocabulary.pieces[token]
        if self._is_free:
            self._say_freely(piece)
        elif self._is_opening(token):
            self._is_free = True
        elif not self._vocabulary.is_end(token):
            self._go_past(piece)
        self._opening = b""

    def _say_freely(self, piece: bytes) -> None:
        self._freely_said += piece
        _, end, rest = self._freely_said.partition(self._until)
        self._freely_said = self._freely_said[-len(self._until) :]
        if end:
            self._is_free = False
            self._go_past(rest.lstrip())

    def _go_past(self, data: bytes) -> None:
        state = self._after(data)
        if state is None:
            raise GrammarStuck("the answer does not begin as its grammar demands")
        self._state = state

    def _is_opening(self, token: int) -> bool:
        return bool(self._opening) and self._vocabulary.pieces[token] == self._opening

    def _after(self, data: bytes) -> State | None:
        try:
            return self._grammar.after(self._state, data)
        except GrammarTooAmbiguous:
            raise _too_ambiguous() from None


def _too_ambiguous() -> GrammarStuck:
    return GrammarStuck("the grammar allows too many readings of one answer to be followed")


class Constraints:
    """Makes the constraints of one model's answers. Grammars that were used lately are kept, as programs repeat them.

    Args:
        vocabulary: Called once, when the first grammar is asked for.
    """

    def __init__(self, vocabulary: Callable[[], Vocabulary]) -> None:
        self._make_vocabulary = vocabulary
        self._vocabulary: Vocabulary | None = None
        self._grammars: OrderedDict[str, Grammar] = OrderedDict()

    def following(self, key: str, make: Callable[[], Grammar], free_start: FreeStart | None = None) -> Constraint:
        """Return a constraint for one answer.

        Args:
            key: What the grammar is made from.

        Raises:
            InvalidRequest: The grammar cannot be used.
        """
        if self._vocabulary is None:
            self._vocabulary = self._make_vocabulary()
        grammar = self._grammars.pop(key, None) or make()
        self._grammars[key] = grammar
        if len(self._grammars) > MAX_KEPT_GRAMMARS:
            self._grammars.popitem(last=False)
        return Constraint(grammar, self._vocabulary, free_start)
