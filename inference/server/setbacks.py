"""Models that could not be loaded: not tried again at once, and each time later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inference.errors import InferenceError
from inference.library.models import LibraryModel
from inference.runner.types import RunnerSpec

FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 30.0


@dataclass(slots=True)
class _Setback:
    n_failures: int
    until: float
    error: InferenceError
    digest: str
    n_tokens: int


class Setbacks:
    """What went wrong lately, by model. Another file under the same name begins anew."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_key: dict[str, _Setback] = {}

    def failed(self, model: LibraryModel, spec: RunnerSpec, error: InferenceError) -> None:
        before = self._of(model)
        n_failures = before.n_failures + 1 if before is not None else 1
        wait_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** (n_failures - 1))
        self._by_key[model.name.key] = _Setback(
            n_failures, self._clock() + wait_s, error, model.digest, _tokens_of(spec)
        )

    def loaded(self, model: LibraryModel) -> None:
        self._by_key.pop(model.name.key, None)

    def is_waiting(self, model: LibraryModel) -> bool:
        """Whether the model could not be loaded a moment ago."""
        before = self._of(model)
        return before is not None and before.until > self._clock()

    def error_for(self, model: LibraryModel, spec: RunnerSpec) -> InferenceError | None:
        """Return why the model could not be loaded a moment ago, unless this way of loading takes less memory."""
        before = self._of(model)
        if before is None or not self.is_waiting(model):
            return None
        return before.error if _tokens_of(spec) >= before.n_tokens else None

    def _of(self, model: LibraryModel) -> _Setback | None:
        found = self._by_key.get(model.name.key)
        return found if found is not None and found.digest == model.digest else None


def _tokens_of(spec: RunnerSpec) -> int:
    """Return what the cache is to hold, in all slots."""
    return spec.n_ctx * spec.n_slots
