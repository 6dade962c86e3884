"""Who says how a question is answered, and which of them has the last word.

From the most general to the most special: an administrator for a model, a person for all their questions, a preset,
one chat. Of an option the most special value holds; system prompts are told one after the other. What nobody says is
not sent, and the model's own value holds; so it is with what the last of them to speak of it has taken back.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from webui.accounts.models import User
from webui.presets.models import ModelDefaults, ModelPreset
from webui.presets.options import Sampling, Value, sampling_of, stored_options

Source = Literal["model", "person", "preset", "chat"]

DEFAULTS_TTL_S: Final = 5.0
"""How long another process may go on with what an administrator has changed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What one of them says. `name` is that of the model or the preset."""

    source: Source
    name: str = ""
    system_prompt: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """The value of an option that holds, and whose it is. None: it is not sent."""

    value: Value | None
    level: Level


def levels_of(user: User, model: str, preset: ModelPreset | None = None) -> list[Level]:
    """Return what is said before a chat has its word.

    One query, and none in the seconds after it, whatever the model.
    """
    levels = [
        model_level(model),
        Level(source="person", system_prompt=user.system_prompt, options=user.options),
    ]
    if preset is not None:
        of_preset = Level(source="preset", name=preset.name, system_prompt=preset.system_prompt, options=preset.options)
        levels.append(of_preset)
    return levels


def effective_options(levels: Iterable[Level]) -> dict[str, Effective]:
    """Return the options that somebody has set or taken back, each as the most special of the levels has it."""
    return {
        name: Effective(value=value, level=level)
        for level in levels
        for name, value in stored_options(level.options).items()
    }


def sampling_at(levels: Iterable[Level]) -> Sampling:
    """Return how a model is to be asked."""
    return sampling_of({name: effective.value for name, effective in effective_options(levels).items()})


def told(levels: Sequence[Level]) -> list[str]:
    """Return the system prompts, the most general first."""
    return [level.system_prompt.strip() for level in levels if level.system_prompt.strip()]


# ---- what administrators say ---------------------------------------------------------------------


@dataclass(slots=True)
class _Known:
    levels: dict[str, Level] = field(default_factory=dict)
    until: float = 0.0


_known = _Known()


def model_level(model: str) -> Level:
    """Return what an administrator says for a model, by its catalog id."""
    if time.monotonic() >= _known.until:
        _known.levels = {
            row.model: Level(source="model", name=row.model, system_prompt=row.system_prompt, options=row.options)
            for row in ModelDefaults.objects.all()
        }
        _known.until = time.monotonic() + DEFAULTS_TTL_S
    return _known.levels.get(model) or Level(source="model", name=model)


def forget_defaults() -> None:
    """Read what administrators say anew with the next question."""
    _known.until = 0.0
