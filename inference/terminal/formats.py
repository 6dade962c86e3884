"""What `--format` and `/set format` name: any JSON, or a JSON schema in a file or written out."""

from __future__ import annotations

from pathlib import Path

import orjson

from inference.terminal.server import CommandFailed
from inference.types import ResponseFormat

MAX_SCHEMA_BYTES = 1024 * 1024


def read_format(text: str) -> ResponseFormat:
    """Return the format that a text names. Raises CommandFailed."""
    if text == "json":
        return "json"
    schema = text.encode() if text.lstrip().startswith("{") else _read(Path(text).expanduser())
    try:
        value = orjson.loads(schema)
    except orjson.JSONDecodeError as exc:
        raise CommandFailed(f"the JSON schema cannot be read: {exc}") from exc
    if not isinstance(value, dict):
        raise CommandFailed("a JSON schema is an object")
    return value


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            schema = file.read(MAX_SCHEMA_BYTES + 1)
    except OSError as exc:
        raise CommandFailed(f"a format is json or a file with a JSON schema; {path}: {exc.strerror}") from exc
    if len(schema) > MAX_SCHEMA_BYTES:
        raise CommandFailed(f"{path} is too large for a JSON schema")
    return schema
