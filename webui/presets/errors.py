"""What is refused about presets.

PresetError
├── PresetGone       not there, deleted, or not shared with this person any more
└── TooManyPresets
"""

from __future__ import annotations


class PresetError(Exception):
    """Base of all errors here."""


class PresetGone(PresetError):
    """The preset that an id names cannot be used by this person."""


class TooManyPresets(PresetError):
    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit
