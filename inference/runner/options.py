"""Check the options of a request, so that native code never sees a number it cannot take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from inference.errors import InvalidRequest

MAX_INT = 2**31 - 1
MAX_STOP_STRINGS = 256
MAX_STOP_CHARACTERS = 4096
MAX_BIASES = 1024
FORBIDDEN = -100.0
"""The bias of a token that never comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationOptions:
    """Options with every value there and in range. Defaults as in Ollama.

    Attributes:
        num_ctx: None means the slot's own.
        num_keep: How many of the first tokens are never forgotten; -1 means the prompt's.
        num_predict: Zero and less mean until the context window is full.
        repeat_last_n: -1 means the context window.
        seed: None asks for a random one.

    Source: Ollama's api/types.go, `DefaultOptions`.
    """

    num_ctx: int | None = None
    num_predict: int = -1
    num_keep: int = 4
    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.9
    min_p: float = 0.0
    typical_p: float = 1.0
    seed: int | None = None
    repeat_last_n: int = 64
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    logit_bias: Mapping[int, float] = field(default_factory=dict)


def checked_options(options: Mapping[str, object]) -> GenerationOptions:
    """Return the options with defaults filled in. Raises InvalidRequest that names the first wrong one."""
    read = _Reader(options)
    defaults = GenerationOptions()
    seed = read.integer("seed", -1, -(2**63), 2**64 - 1)
    return GenerationOptions(
        num_ctx=read.integer("num_ctx", 0, 0, MAX_INT) or None,
        num_predict=read.integer("num_predict", defaults.num_predict, -2, MAX_INT),
        num_keep=read.integer("num_keep", defaults.num_keep, -1, MAX_INT),
        temperature=read.number("temperature", defaults.temperature, 0.0, 100.0),
        top_k=read.integer("top_k", defaults.top_k, -1, MAX_INT),
        top_p=read.number("top_p", defaults.top_p, 0.0, 1.0),
        min_p=read.number("min_p", defaults.min_p, 0.0, 1.0),
        typical_p=read.number("typical_p", defaults.typical_p, 0.0, 1.0),
        seed=None if seed == -1 else seed & 0xFFFFFFFF,
        repeat_last_n=read.integer("repeat_last_n", defaults.repeat_last_n, -1, MAX_INT),
        repeat_penalty=read.number("repeat_penalty", defaults.repeat_penalty, 0.01, 100.0),
        presence_penalty=read.number("presence_penalty", defaults.presence_penalty, -100.0, 100.0),
        frequency_penalty=read.number("frequency_penalty", defaults.frequency_penalty, -100.0, 100.0),
        stop=read.stop_strings(),
        logit_bias=read.biases(),
    )


class _Reader:
    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = options

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        value = self._options.get(name)
        if value is None:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JavaScript clients know one kind of number only
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidRequest(f"option {name} must be a whole number")
        if not least <= value <= most:
            raise InvalidRequest(f"option {name} must be between {least} and {most}, not {value}")
        return value

    def number(self, name: str, default: float, least: float, most: float) -> float:
        value = self._options.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InvalidRequest(f"option {name} must be a number")
        if not least <= value <= most:
            raise InvalidRequest(f"option {name} must be between {least:g} and {most:g}, not {value:g}")
        return float(value)

    def biases(self) -> Mapping[int, float]:
        value = self._options.get("logit_bias")
        if value is None:
            return {}
        if not isinstance(value, Mapping) or len(value) > MAX_BIASES:
            raise InvalidRequest(f"logit_bias must be an object with at most {MAX_BIASES} tokens")
        return {_token(key): _bias(bias) for key, bias in value.items()}

    def stop_strings(self) -> tuple[str, ...]:
        value = self._options.get("stop")
        if value is None:
            return ()
        stops = [value] if isinstance(value, str) else value
        if not isinstance(stops, list | tuple) or not all(isinstance(stop, str) for stop in stops):
            raise InvalidRequest("option stop must be a list of texts")
        if len(stops) > MAX_STOP_STRINGS or any(len(stop) > MAX_STOP_CHARACTERS for stop in stops):
            raise InvalidRequest(
                f"option stop takes {MAX_STOP_STRINGS} texts of {MAX_STOP_CHARACTERS} characters at most"
            )
        return tuple(stop for stop in stops if stop)


def _token(key: object) -> int:
    is_number = isinstance(key, str) and key.isascii() and key.isdigit() and len(key) <= len(str(MAX_INT))
    if not is_number:
        raise InvalidRequest(f"logit_bias names {str(key)!r:.60}, which is no token's number")
    return int(str(key))


def _bias(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not FORBIDDEN <= value <= -FORBIDDEN:
        raise InvalidRequest(f"the values of logit_bias must be numbers between {FORBIDDEN:g} and {-FORBIDDEN:g}")
    return float(value)
