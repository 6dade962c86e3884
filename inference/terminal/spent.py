"""What `--verbose` tells after an answer: counts, durations and rates, with Ollama's labels."""

from __future__ import annotations

from collections.abc import Iterator

from inference.terminal.words import duration_in_words
from inference.types import Usage

LABEL_WIDTH = 22


def spent(usage: Usage) -> str:
    """Return a line per value; what the server did not tell is left out."""
    return "\n".join(f"{label + ':':<{LABEL_WIDTH}}{value}" for label, value in _rows(usage))


def _rows(usage: Usage) -> Iterator[tuple[str, str]]:
    if usage.total_s is not None:
        yield "total duration", duration_in_words(usage.total_s)
    if usage.load_s is not None:
        yield "load duration", duration_in_words(usage.load_s)
    yield from _part("prompt eval", usage.prompt_tokens, usage.prompt_s)
    yield from _part("eval", usage.answer_tokens, usage.answer_s)


def _part(name: str, n_tokens: int | None, seconds: float | None) -> Iterator[tuple[str, str]]:
    if n_tokens is not None:
        yield f"{name} count", f"{n_tokens} token(s)"
    if seconds is not None:
        yield f"{name} duration", duration_in_words(seconds)
    if n_tokens is not None and seconds:
        yield f"{name} rate", f"{n_tokens / seconds:.2f} tokens/s"
