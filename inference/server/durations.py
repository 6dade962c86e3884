"""Durations as Ollama's users write them: `5m`, `1h30m`, `300` (seconds), `-1` (for ever)."""

from __future__ import annotations

import math
import re

FOREVER = math.inf

# Source: Go's time.ParseDuration.
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def parse_duration(value: object) -> float:
    """Return seconds; FOREVER for anything negative.

    Raises:
        ValueError: It is neither a number nor a duration; the text is fit for a person.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is no duration")
    seconds = _parse_text(value) if isinstance(value, str) else float(value)
    if math.isnan(seconds):
        raise ValueError(f"{value!r} is no duration")
    return FOREVER if seconds < 0 else seconds


def _parse_text(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    unsigned = text.lstrip("+-")
    parts = _PART.findall(unsigned)
    if not parts or "".join(number + unit for number, unit in parts) != unsigned:
        raise ValueError(f'time: invalid duration "{text}"')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return -seconds if text.startswith("-") else seconds
