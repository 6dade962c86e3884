"""How each model is to be loaded when a request does not say: what an administrator has kept for it, over restarts.

Kept in one JSON file by the model's name, and not in its manifest: a plain file and a model of another program's store
have none of ours, a changed manifest would be another model, and what suits this machine must not travel with a copy.
The names are Ollama's, of its options or (`num_parallel`, `kv_cache_type`) of its variables.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import orjson

from inference.errors import InvalidRequest
from inference.library.names import ModelName
from inference.runner.types import KV_TYPES, KvType
from inference.server.errors import NotKept
from inference.server.options import MAX_CONTEXT
from inference.types import LoadSettings

logger = logging.getLogger(__name__)

MOST = {"num_ctx": MAX_CONTEXT, "num_parallel": 256, "num_thread": 512, "num_gpu": 10_000}
LEAST = {"num_gpu": 0}
"""All others begin at 1; a missing name leaves the choice to the server."""


class KeptSettings:
    """One process writes the file; a missing or unreadable one is empty. Used by one thread.

    Args:
        path: Where they are kept; None keeps them in memory alone.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._kept: dict[str, LoadSettings] = _read(path) if path is not None else {}

    def of(self, name: ModelName) -> LoadSettings:
        return self._kept.get(name.key, LoadSettings())

    def keep(self, name: ModelName, settings: LoadSettings) -> None:
        """Take the place of what was kept; settings that say nothing are not kept. Raises NotKept."""
        kept = {key: known for key, known in self._kept.items() if key != name.key}
        kept |= {name.key: settings} if settings != LoadSettings() else {}
        if kept != self._kept:
            try:
                self._write(kept)
            except OSError as exc:
                raise NotKept(exc.strerror or type(exc).__name__) from exc
            self._kept = kept

    def _write(self, kept: Mapping[str, LoadSettings]) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".new")
        bodies = {key: settings_body(settings) for key, settings in kept.items()}
        temporary.write_bytes(orjson.dumps(bodies, option=orjson.OPT_INDENT_2))
        os.replace(temporary, self._path)


def parse_settings(body: Mapping[str, Any]) -> LoadSettings:
    """Read settings; null means not given. Raises InvalidRequest."""
    known = [field.name for field in fields(LoadSettings)]
    unknown = [name for name in body if name not in known]
    if unknown:
        raise InvalidRequest(f"{unknown[0][:60]} is not a setting; known are {', '.join(known)}")
    return LoadSettings(
        num_ctx=_count(body, "num_ctx"),
        num_parallel=_count(body, "num_parallel"),
        kv_cache_type=_kv_type(body.get("kv_cache_type")),
        num_thread=_count(body, "num_thread"),
        num_gpu=_count(body, "num_gpu"),
    )


def settings_body(settings: LoadSettings) -> dict[str, int | str]:
    """Return what is set, by its name."""
    given = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {name: value for name, value in given.items() if value is not None}


def baked_settings(options: Mapping[str, Any]) -> LoadSettings:
    """Return what a model's own parameters say about loading it; what is wrong among them counts as missing."""
    return LoadSettings(**{name: value for name, value in options.items() if _is_count(name, value)})


def _read(path: Path) -> dict[str, LoadSettings]:
    try:
        bodies = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, orjson.JSONDecodeError) as exc:
        logger.warning("%s cannot be read, so models are loaded as if nothing were kept: %s", path, exc)
        return {}
    kept: dict[str, LoadSettings] = {}
    for key, body in (bodies if isinstance(bodies, dict) else {}).items():
        try:
            kept[key] = parse_settings(body if isinstance(body, dict) else {})
        except InvalidRequest as exc:
            logger.warning("what is kept in %s for %s is left out: %s", path, key, exc.detail)
    return kept


def _count(body: Mapping[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not _is_count(name, value):
        raise InvalidRequest(f'option "{name}" must be a whole number from {LEAST.get(name, 1)} to {MOST[name]}')
    return int(value)


def _is_count(name: str, value: object) -> bool:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return name in MOST and is_whole and LEAST.get(name, 1) <= cast(int, value) <= MOST[name]


def _kv_type(value: object) -> KvType | None:
    if value is None:
        return None
    for kv_type in KV_TYPES:
        if value == kv_type:
            return kv_type
    raise InvalidRequest(f'option "kv_cache_type" must be one of {", ".join(KV_TYPES)}')
