"""When the steps of one answer happened. Times are seconds of one clock. No I/O."""

from __future__ import annotations

from array import array

N_GAPS_KEPT = 65_536


class AnswerTiming:
    """The moments of one request in its runner.

    Args:
        arrived_at: The request was there.
        admitted_at: It got a slot.
    """

    def __init__(self, *, arrived_at: float, admitted_at: float) -> None:
        self.queued_s = admitted_at - arrived_at
        self._admitted_at = admitted_at
        self._first_token_at: float | None = None
        self._last_token_at = admitted_at
        self._gaps_s = array("f")

    def token(self, now: float) -> None:
        """Take down that a token was generated."""
        if self._first_token_at is None:
            self._first_token_at = now
        elif len(self._gaps_s) < N_GAPS_KEPT:
            self._gaps_s.append(now - self._last_token_at)
        self._last_token_at = now

    @property
    def prompt_s(self) -> float:
        """From the slot to the first token."""
        return 0.0 if self._first_token_at is None else self._first_token_at - self._admitted_at

    @property
    def answer_s(self) -> float:
        """From the first token to the last."""
        return 0.0 if self._first_token_at is None else self._last_token_at - self._first_token_at

    def gap_s(self, percent: float) -> float:
        """Return a percentile of the time between two tokens; 0 for an answer of one token."""
        gaps = sorted(self._gaps_s)
        return gaps[min(len(gaps) - 1, int(len(gaps) * percent / 100))] if gaps else 0.0
