"""What loaded models really took of the memory, beside what was forecast: kept over restarts, to judge the forecast."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import orjson

from inference.runner.types import RunnerSpec

logger = logging.getLogger(__name__)

MAX_KEPT = 1000
WORTH_WRITING = 0.01
"""By how much a figure must have grown to be written again."""


class Measured(TypedDict):
    """Bytes of one model with one setting; `at` is seconds since 1970, UTC."""

    n_ctx: int
    n_slots: int
    kv_type: str
    forecast_bytes: int
    measured_bytes: int
    at: float


class MeasuredMemory:
    """The largest figures, by model and setting. Used by one thread.

    Args:
        path: Where they are kept; None keeps them in memory alone. What cannot be read there counts as empty.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept: dict[str, Measured] = _read(path) if path is not None else {}

    def record(self, digest: str, spec: RunnerSpec, forecast_bytes: int, measured_bytes: int) -> None:
        """Take in what a runner takes now; less than it took before says nothing."""
        key = f"{digest[:16]} {spec.n_ctx} {spec.n_slots} {spec.kv_type}"
        before = self._kept.pop(key, None)
        if before is not None and before["forecast_bytes"] == forecast_bytes:
            least = before["measured_bytes"] * (1 + WORTH_WRITING)
            if measured_bytes <= least:
                self._kept[key] = before
                return
        self._kept[key] = Measured(
            n_ctx=spec.n_ctx,
            n_slots=spec.n_slots,
            kv_type=spec.kv_type,
            forecast_bytes=forecast_bytes,
            measured_bytes=measured_bytes,
            at=time.time(),
        )
        while len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._write()

    def of(self, digest: str) -> list[Measured]:
        """Return the figures of one model, the latest first."""
        found = [measured for key, measured in self._kept.items() if key.startswith(f"{digest[:16]} ")]
        return sorted(found, key=lambda measured: measured["at"], reverse=True)

    def _write(self) -> None:
        if self._path is None:
            return
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(orjson.dumps(self._kept))
            new.replace(self._path)
        except OSError as exc:
            logger.warning("what models take of the memory is not written down: %s", exc.strerror)


def _read(path: Path) -> dict[str, Measured]:
    try:
        values = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, orjson.JSONDecodeError):
        logger.warning("%s cannot be read and is begun anew", path.name)
        return {}
    if not isinstance(values, dict):
        return {}
    return {key: value for key, value in values.items() if _is_measured(value)}


def _is_measured(value: object) -> bool:
    kinds = Measured.__annotations__
    return isinstance(value, Mapping) and value.keys() == kinds.keys() and isinstance(value["at"], int | float)
