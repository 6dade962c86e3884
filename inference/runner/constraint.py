"""Keep one answer to a grammar, token by token."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from inference.errors import InvalidRequest
from inference.runner.grammar import Grammar, GrammarTooAmbiguous, State, TokenIds, Vocabulary

MAX_KEPT_GRAMMARS = 16

THINKING_STARTS, THINKING_ENDS = b"<think>", b"</think>"


class GrammarStuck(InvalidRequest):
    """The answer cannot go on as its grammar demands."""


class Constraint:
    """The grammar of one answer and how far the answer has come. What a model thinks first is not held to it."""

    def __init__(
        self, grammar: Grammar, vocabulary: Vocabulary, *, starts_thinking: bool = False, may_think: bool = False
    ) -> None:
        """Start before the first token; with `may_think` an opening tag as the first token begins the thinking.

        Raises:
            InvalidRequest: The grammar has too many readings from its start on.
        """
        self._grammar = grammar
        self._vocabulary = vocabulary
        self._is_thinking = starts_thinking
        self._may_think = may_think and not starts_thinking
        self._thought = b""
        try:
            self._state = grammar.start()
        except GrammarTooAmbiguous:
            raise _too_ambiguous() from None

    @property
    def is_active(self) -> bool:
        return not self._is_thinking

    @property
    def is_finished(self) -> bool:
        """True when the answer is whole and nothing may follow."""
        return self.is_active and self._state.must_end

    def fits(self, token: int) -> bool:
        """Return whether a token may come next. Raises GrammarStuck."""
        if self._is_thinking or self._opens_thinking(token):
            return True
        if self._vocabulary.is_end(token):
            return self._state.may_end
        return self._after(self._vocabulary.pieces[token]) is not None

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
        if self._is_thinking:
            self._think(piece)
        elif self._opens_thinking(token):
            self._is_thinking = True
        elif not self._vocabulary.is_end(token):
            self._go_past(piece)
        self._may_think = False

    def _think(self, piece: bytes) -> None:
        self._thought += piece
        _, tag, rest = self._thought.partition(THINKING_ENDS)
        self._thought = self._thought[1 - len(THINKING_ENDS) :]
        if tag:
            self._is_thinking = False
            self._go_past(rest.lstrip())

    def _go_past(self, data: bytes) -> None:
        state = self._after(data)
        if state is None:
            raise GrammarStuck("the answer does not begin as its grammar demands")
        self._state = state

    def _opens_thinking(self, token: int) -> bool:
        return self._may_think and self._vocabulary.pieces[token] == THINKING_STARTS

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

    def constraint(self, grammar: str, *, starts_thinking: bool = False, may_think: bool = False) -> Constraint:
        """Return a constraint for one answer. Raises InvalidRequest when the grammar cannot be used."""
        if self._vocabulary is None:
            self._vocabulary = self._make_vocabulary()
        parsed = self._grammars.pop(grammar, None) or Grammar(grammar)
        self._grammars[grammar] = parsed
        if len(self._grammars) > MAX_KEPT_GRAMMARS:
            self._grammars.popitem(last=False)
        return Constraint(parsed, self._vocabulary, starts_thinking=starts_thinking, may_think=may_think)
