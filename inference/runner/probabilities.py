"""How likely the tokens of an answer were, told together with their text."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.runner.text import TextAssembler
from inference.runner.types import TokenProbability

LEAST_LOGPROB = -9999.0
"""Instead of minus infinity, which JSON cannot write."""


def token_probability(
    scores: npt.NDArray[np.float32], token: int, n_top: int, spelled: Callable[[int], bytes]
) -> TokenProbability:
    """Return the probability of a token and of the likeliest ones, before any sampling option.

    Args:
        scores: Of all tokens, shape (n_vocab,).
        spelled: Returns the bytes of a token.
    """
    highest = float(scores.max())
    total = highest + float(np.log(np.exp(scores - highest).sum(dtype=np.float64)))

    def told(number: int) -> TokenProbability:
        return TokenProbability(piece=spelled(number), logprob=max(float(scores[number]) - total, LEAST_LOGPROB))

    n_top = min(n_top, len(scores))
    likeliest = np.argpartition(scores, -n_top)[-n_top:] if n_top else np.array([], np.int64)
    top = tuple(told(int(number)) for number in likeliest[np.argsort(-scores[likeliest], kind="stable")])
    chosen = told(token)
    return TokenProbability(piece=chosen.piece, logprob=chosen.logprob, top=top)


@dataclass(frozen=True, slots=True)
class _Held:
    probability: TokenProbability
    start: int
    end: int


class HeldProbabilities:
    """Keeps what is known of each token until the assembler lets its text go."""

    def __init__(self, assembler: TextAssembler) -> None:
        self._assembler = assembler
        self._held: deque[_Held] = deque()
        self._end = 0

    def add(self, probability: TokenProbability) -> None:
        """Take the token whose bytes the assembler got last."""
        # The text of a token that ends within a character is whole when that character is.
        end = self._assembler.n_decoded + self._assembler.is_within_character
        self._held.append(_Held(probability, self._end, end))
        self._end = end

    def released(self, *, is_last: bool = False) -> Sequence[TokenProbability]:
        """Return those whose text is out, at the end also the one that a stop string cuts; the rest is dropped then."""
        n_released = self._assembler.n_released
        out: list[TokenProbability] = []
        while self._held and (self._held[0].end <= n_released or (is_last and self._held[0].start < n_released)):
            out.append(self._held.popleft().probability)
        if is_last:
            self._held.clear()
        return out
