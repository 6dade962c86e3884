"""Check the options of a request: Ollama's names, the right types, values the engine can bear."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from inference.errors import InvalidRequest
from inference.types import Options

logger = logging.getLogger(__name__)

MAX_CONTEXT = 1_048_576
MAX_STOPS = 64
MAX_STOP_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class _Range:
    type: type[int] | type[float]
    low: float
    high: float


# What passes here passes the runner's own check too, which is the last one before native code (CVE-2026-21869):
# otherwise a stored model's wrong option would fail every request instead of being left out.
_RANGES = {
    "num_ctx": _Range(int, 0, MAX_CONTEXT),
    "num_batch": _Range(int, 1, MAX_CONTEXT),
    "num_gpu": _Range(int, -1, 10_000),
    "main_gpu": _Range(int, 0, 63),
    "num_thread": _Range(int, 0, 512),
    "num_predict": _Range(int, -2, MAX_CONTEXT),
    "num_keep": _Range(int, -1, MAX_CONTEXT),
    "temperature": _Range(float, 0, 100),
    "top_k": _Range(int, 0, 1_000_000),
    "top_p": _Range(float, 0, 1),
    "min_p": _Range(float, 0, 1),
    "typical_p": _Range(float, 0, 1),
    "seed": _Range(int, -(2**63), 2**63 - 1),
    "repeat_last_n": _Range(int, -1, MAX_CONTEXT),
    "repeat_penalty": _Range(float, 0.01, 100),
    "presence_penalty": _Range(float, -100, 100),
    "frequency_penalty": _Range(float, -100, 100),
}


# Of older versions of Ollama, or of no use here: no model drafts for another one.
_WITHOUT_EFFECT = frozenset(
    [
        "draft_num_predict",
        "embedding_only",
        "f16_kv",
        "logits_all",
        "low_vram",
        "mirostat",
        "mirostat_eta",
        "mirostat_tau",
        "num_gqa",
        "numa",
        "penalize_newline",
        "rope_frequency_base",
        "rope_frequency_scale",
        "tfs_z",
        "use_mlock",
        "vocab_only",
    ]
)


def parse_options(given: Mapping[str, Any], *, baked: Mapping[str, Any]) -> Options:
    """Return the options that hold: a model's own, overruled by the request's.

    Unknown names are logged and left out, as Ollama does; null means not given.

    Raises:
        InvalidRequest: A value has the wrong type or is out of range.
    """
    options: dict[str, Any] = {}
    for name, value in baked.items():
        try:
            options.update(_parse_one(name, value))
        except InvalidRequest as exc:
            logger.warning("a stored model's own option is left out: %s", exc.detail)
    for name, value in given.items():
        options.update(_parse_one(name, value))
    if options.get("num_ctx") == 0:  # Ollama's way to write "the server's default".
        del options["num_ctx"]
    return cast(Options, options)


def _parse_one(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if name == "stop":
        return {"stop": _parse_stop(value)}
    if name == "use_mmap":
        if not isinstance(value, bool):
            raise InvalidRequest('option "use_mmap" must be of type boolean')
        return {"use_mmap": value}
    bounds = _RANGES.get(name)
    if bounds is None:
        what = "has no effect here" if name in _WITHOUT_EFFECT else "is not known here and is left out"
        logger.warning("option %.40r %s", name, what)
        return {}
    return {name: _parse_number(name, value, bounds)}


def _parse_number(name: str, value: Any, bounds: _Range) -> int | float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or (bounds.type is int and value != int(value)):
        kind = "integer" if bounds.type is int else "number"
        raise InvalidRequest(f'option "{name}" must be of type {kind}')
    if not bounds.low <= value <= bounds.high:
        raise InvalidRequest(f'option "{name}" must be between {bounds.low:g} and {bounds.high:g}')
    return bounds.type(value)


def _parse_stop(value: Any) -> list[str]:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise InvalidRequest('option "stop" must be of type array')
    if len(stops) > MAX_STOPS or any(len(stop) > MAX_STOP_CHARACTERS for stop in stops):
        raise InvalidRequest(f'option "stop" may hold {MAX_STOPS} strings of {MAX_STOP_CHARACTERS} characters')
    return [stop for stop in stops if stop]
