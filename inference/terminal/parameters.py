"""The options that `/set parameter` takes: Ollama's names, and the type of each.

Source: Ollama's api/types.go, `Options` and `Runner`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

INTEGERS = frozenset(
    {
        "num_ctx", "num_predict", "num_keep", "top_k", "seed", "repeat_last_n", "num_batch", "num_gpu", "main_gpu",
        "num_thread", "draft_num_predict",
    }
)  # fmt: skip
NUMBERS = frozenset(
    {"temperature", "top_p", "min_p", "typical_p", "repeat_penalty", "presence_penalty", "frequency_penalty"}
)
SWITCHES = frozenset({"use_mmap"})
NAMES = tuple(sorted(INTEGERS | NUMBERS | SWITCHES | {"stop"}))

MAX_STOPS = 64

Parameter = int | float | bool | list[str]


class WrongParameter(Exception):
    """An option that cannot be set so. The text is for a person."""


def parse_parameter(name: str, values: Sequence[str]) -> Parameter:
    """Return the value of an option as it is sent. Its range is the server's affair.

    Raises:
        WrongParameter: No such option, or a value of another type.
    """
    if name == "stop":
        if len(values) > MAX_STOPS:
            raise WrongParameter(f"stop takes at most {MAX_STOPS} texts")
        return list(values)
    if name not in NAMES:
        raise WrongParameter(f"unknown parameter '{name}'; there are {', '.join(NAMES)}")
    if len(values) != 1:
        raise WrongParameter(f"{name} takes one value, not {len(values)}")
    return _parse_one(name, values[0])


def _parse_one(name: str, value: str) -> Parameter:
    if name in SWITCHES:
        if value.lower() not in ("true", "false"):
            raise WrongParameter(f"{name} takes true or false, not '{value}'")
        return value.lower() == "true"
    kind = int if name in INTEGERS else float
    try:
        number = kind(value)
    except ValueError:
        raise WrongParameter(f"{name} takes a {'whole ' if kind is int else ''}number, not '{value}'") from None
    if not math.isfinite(number) or abs(number) >= 2**63:
        raise WrongParameter(f"{name} cannot be {value}")
    return number
