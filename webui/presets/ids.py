"""How a preset is named where a model is expected: `preset://` and its uuid.

No model of the catalog has such an id: a name in Ollama's form has no empty part between two strokes, a connection's
prefix has no colon, and what an OpenAI-compatible service may call so is not asked: these ids are looked up here alone.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

PREFIX: Final = "preset://"


def preset_id(uuid: UUID) -> str:
    return f"{PREFIX}{uuid}"


def is_preset_id(model: str) -> bool:
    return model.startswith(PREFIX)


def preset_uuid(model: str) -> UUID | None:
    """Return which preset an id names; None for a model's own id, and for nonsense behind the prefix."""
    try:
        return UUID(model.removeprefix(PREFIX)) if is_preset_id(model) else None
    except ValueError:
        return None
